import { lookup as resolve, type LookupAddress } from "node:dns";
import { readFileSync } from "node:fs";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";
import { Agent, EnvHttpProxyAgent, type Dispatcher } from "undici";
import type { MirrorSettings, ProxySettings } from "../settings.ts";

const connectMs = 10_000;

/**
 * Opens the connection pool for one upstream, its token service and their redirect targets: at most 64 connections per
 * origin. The pool checks addresses after name resolution. Behind a proxy, the proxy resolves the names, and the mirror
 * checks only literal addresses.
 */
export function openConnections(
  settings: Pick<MirrorSettings, "allowPrivateNetwork" | "tls" | "idle">,
  proxies: ProxySettings,
): Dispatcher {
  const { allowPrivateNetwork, tls, idle } = settings;
  const trust = {
    rejectUnauthorized: !tls.insecure,
    ...(tls.ca === undefined ? {} : { ca: readFileSync(tls.ca, "utf8") }),
  };
  const options: Agent.Options = {
    connect: {
      timeout: connectMs,
      ...trust,
      ...(allowPrivateNetwork ? {} : { lookup: publicLookup }),
    },
    connections: 64,
    // A transfer without bytes for `idle` ms fails. The total time has no limit.
    bodyTimeout: idle,
    headersTimeout: idle,
  };
  if (proxies.http === undefined && proxies.https === undefined) return new Agent(options);
  return new EnvHttpProxyAgent({
    ...options,
    requestTls: trust,
    httpProxy: proxies.http ?? "",
    httpsProxy: proxies.https ?? proxies.http ?? "",
    noProxy: proxies.no ?? "",
  });
}

/** Thrown when an upstream, a redirect or a token service names an address that is not public (SSRF protection). */
class PrivateAddressError extends Error {
  override readonly name = "PrivateAddressError";
  readonly code = "EPRIVATE";

  constructor(host: string, address: string) {
    super(
      `${host} is ${address}, an address that is not public (allowPrivateNetwork: true allows it)`,
    );
  }
}

/** Whether the address is a global unicast IP address. */
function isPublicAddress(address: string): boolean {
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
const publicLookup: LookupFunction = (host, options, callback) => {
  resolve(host, { ...options, all: true }, (error, found: LookupAddress[]) => {
    if (error !== null) return callback(error, "", 0);
    const wrong = found.find(({ address }) => !isPublicAddress(address));
    if (wrong !== undefined) return callback(new PrivateAddressError(host, wrong.address), "", 0);
    if (options.all === true) return callback(null, found);
    const [first] = found;
    callback(null, first?.address ?? "", first?.family ?? 0);
  });
};
