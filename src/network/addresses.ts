import { lookup as resolve, type LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";
import { memoized } from "../concurrency/bounded-cache.ts";

/* Which addresses a client may come from, and which addresses this server may connect to. */

/**
 * Returns a function that tells whether an address is in one of the networks.
 * @param networks IP addresses and CIDR ranges
 */
export function ipMatcher(networks: readonly string[]): (address: string) => boolean {
  const ranges = networks.map((proxy) => {
    if (proxy.includes("/")) return ipaddr.parseCIDR(proxy);
    const address = ipaddr.process(proxy);
    return [address, address.kind() === "ipv4" ? 32 : 128] as const;
  });
  if (ranges.length === 0) return () => false;
  return memoized((address) => {
    if (!ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return ranges.some(
      ([range, bits]) => parsed.kind() === range.kind() && parsed.match(range, bits),
    );
  });
}

/**
 * Keeps connections to addresses that are not public (SSRF protection). Names are checked after their resolution, and the
 * socket connects to the checked addresses, so DNS rebinding has no effect.
 */
export interface AddressCheck {
  /** Throws {@link PrivateAddressError} if the host of the URL is a literal IP address that is not allowed. */
  checkLiteral(url: URL): void;
  /** Resolves a name, and fails with {@link PrivateAddressError} if any of its addresses is not allowed. */
  readonly lookup: LookupFunction;
}

/** Thrown for an address that is not public. */
class PrivateAddressError extends Error {
  override readonly name = "PrivateAddressError";
  readonly code = "EPRIVATE";

  constructor(host: string, address: string, hint: string) {
    super(
      host === address
        ? `${address} is an address that is not public (${hint})`
        : `${host} is ${address}, an address that is not public (${hint})`,
    );
  }
}

/** Whether the address is a global unicast IP address. */
const isPublicAddress = (address: string): boolean =>
  isIP(address) !== 0 && ipaddr.process(address).range() === "unicast";

/**
 * @param hint how the configuration allows an address
 * @param allowed IP addresses and CIDR ranges that are allowed besides public addresses
 */
export function createAddressCheck(hint: string, allowed: readonly string[] = []): AddressCheck {
  const isExcepted = ipMatcher(allowed);
  const isAllowed = (address: string): boolean => isPublicAddress(address) || isExcepted(address);
  return {
    checkLiteral(url) {
      const host = url.hostname.replace(/^\[|\]$/g, "");
      if (isIP(host) !== 0 && !isAllowed(host)) throw new PrivateAddressError(host, host, hint);
    },
    lookup(host, options, callback) {
      resolve(host, { ...options, all: true }, (error, found: LookupAddress[]) => {
        if (error !== null) return callback(error, "", 0);
        const wrong = found.find(({ address }) => !isAllowed(address));
        if (wrong !== undefined)
          return callback(new PrivateAddressError(host, wrong.address, hint), "", 0);
        if (options.all === true) return callback(null, found);
        const [first] = found;
        callback(null, first?.address ?? "", first?.family ?? 0);
      });
    },
  };
}
