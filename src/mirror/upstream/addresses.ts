import { lookup as resolve, type LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";

/** Thrown when an upstream, a redirect or a token service names an address that is not public (SSRF protection). */
export class PrivateAddressError extends Error {
  override readonly name = "PrivateAddressError";
  readonly code = "EPRIVATE";

  constructor(host: string, address: string) {
    super(
      `${host} is ${address}, an address that is not public (allowPrivateNetwork: true allows it)`,
    );
  }
}

/** Whether the address is a global unicast IP address. */
export function isPublicAddress(address: string): boolean {
  return isIP(address) !== 0 && ipaddr.process(address).range() === "unicast";
}

/** Throws {@link PrivateAddressError} if the host of the URL is a literal IP address that is not public. */
export function checkLiteral(url: URL): void {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw new PrivateAddressError(host, host);
}

/**
 * Resolves a host name, and fails with {@link PrivateAddressError} if any of its addresses is not public. The socket
 * connects to the checked addresses, so DNS rebinding has no effect.
 */
export const publicLookup: LookupFunction = (host, options, callback) => {
  resolve(host, { ...options, all: true }, (error, found: LookupAddress[]) => {
    if (error !== null) return callback(error, "", 0);
    const wrong = found.find(({ address }) => !isPublicAddress(address));
    if (wrong !== undefined) return callback(new PrivateAddressError(host, wrong.address), "", 0);
    if (options.all === true) return callback(null, found);
    const [first] = found;
    callback(null, first?.address ?? "", first?.family ?? 0);
  });
};
