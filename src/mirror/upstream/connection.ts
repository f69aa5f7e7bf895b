import { readFileSync } from "node:fs";
import { Agent, EnvHttpProxyAgent, type Dispatcher } from "undici";
import { publicLookup } from "./addresses.ts";
import { UpstreamFailure } from "./failure.ts";
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

export const oneOf = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;

const slowCodes = new Set([
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "ETIMEDOUT",
]);

/** Converts a connection error into an {@link UpstreamFailure} (`timeout` or `connectionFailed`). */
export function connectionFailure(error: unknown, host: string): unknown {
  if (!(error instanceof Error) || error instanceof UpstreamFailure) return error;
  const code = "code" in error ? String(error.code) : "";
  if (slowCodes.has(code))
    return new UpstreamFailure("timeout", `${host} does not answer`, { cause: error });
  return new UpstreamFailure("connectionFailed", `${host} cannot be reached`, { cause: error });
}
