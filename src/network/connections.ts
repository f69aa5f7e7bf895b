import type { ConnectionOptions } from "node:tls";
import { Agent, EnvHttpProxyAgent, type Dispatcher } from "undici";
import type { AddressCheck } from "./addresses.ts";

/** Outbound proxies: the values of `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`. */
export interface ProxySettings {
  readonly http?: string | undefined;
  readonly https?: string | undefined;
  readonly no?: string | undefined;
}

const connectMs = 10_000;

/**
 * Opens a pool of connections to other servers. It checks addresses after name resolution. Behind a proxy, the proxy
 * resolves the names, and only the callers check literal addresses.
 */
export function openConnections(
  settings: {
    /** `undefined`: all addresses are allowed. */
    readonly addresses: AddressCheck | undefined;
    readonly trust: Pick<ConnectionOptions, "ca" | "rejectUnauthorized">;
    /** Connections per origin. */
    readonly connections: number;
    /** A transfer without bytes for this time fails. The total time has no limit. */
    readonly idleMs: number;
  },
  proxies: ProxySettings,
): Dispatcher {
  const { addresses, trust, connections, idleMs } = settings;
  const options: Agent.Options = {
    connect: {
      timeout: connectMs,
      ...trust,
      ...(addresses === undefined ? {} : { lookup: addresses.lookup }),
    },
    connections,
    bodyTimeout: idleMs,
    headersTimeout: idleMs,
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
