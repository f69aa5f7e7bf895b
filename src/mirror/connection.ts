import { readFileSync } from "node:fs";
import { Agent, EnvHttpProxyAgent, type Dispatcher } from "undici";
import { publicLookup } from "./addresses.ts";
import type { MirrorSettings, ProxySettings } from "./settings.ts";

const connectMs = 10_000;

/**
 * The connections to one upstream, its token service and wherever these redirect to. Names are checked after they are
 * resolved; behind a proxy it is the proxy that resolves them.
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
    // Nothing moves for so long: the transfer is dead. There is no limit to how long one takes.
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
