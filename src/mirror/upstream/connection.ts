import { readFileSync } from "node:fs";
import type { Dispatcher } from "undici";
import { createAddressCheck } from "../../network/addresses.ts";
import { openConnections, type ProxySettings } from "../../network/connections.ts";
import type { MirrorSettings } from "../settings.ts";

/** The addresses that the upstream of a mirror, its token service and their redirects may have. */
export const publicAddresses = createAddressCheck("allowPrivateNetwork: true allows it");

/** Opens the connections to one upstream, its token service and their redirect targets: at most 64 per origin. */
export function openUpstreamConnections(
  settings: Pick<MirrorSettings, "allowPrivateNetwork" | "tls" | "idle">,
  proxies: ProxySettings,
): Dispatcher {
  const { allowPrivateNetwork, tls, idle } = settings;
  const trust = {
    rejectUnauthorized: !tls.insecure,
    ...(tls.ca === undefined ? {} : { ca: readFileSync(tls.ca, "utf8") }),
  };
  const addresses = allowPrivateNetwork ? undefined : publicAddresses;
  return openConnections({ addresses, trust, connections: 64, idleMs: idle }, proxies);
}
