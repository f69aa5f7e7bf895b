import { lookup as resolve, type LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";

/** An address that a mirror must not reach: an upstream, a redirect or a token service could name any. */
export class PrivateAddressError extends Error {
  override readonly name = "PrivateAddressError";
  readonly code = "EPRIVATE";

  constructor(host: string, address: string) {
    super(
      `${host} is ${address}, an address that is not public (allowPrivateNetwork: true allows it)`,
    );
  }
}

/** Whether anybody on the Internet could be there. */
export function isPublicAddress(address: string): boolean {
  return isIP(address) !== 0 && ipaddr.process(address).range() === "unicast";
}

/** Throws {@link PrivateAddressError} for a URL whose host is such an address literally. */
export function checkLiteral(url: URL): void {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw new PrivateAddressError(host, host);
}

/**
 * Looks a name up and refuses it if any of its addresses is not public. The connection goes to what was checked, so
 * that a name that changes its mind in between gains nothing.
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
