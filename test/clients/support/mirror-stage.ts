import { startDistribution } from "../../support/distribution.ts";
import { startFaultyProxy, type FaultyProxy } from "../../support/faulty-proxy.ts";
import { startBerth, type Berth } from "./berth.ts";
import { createRegistryReader, type RegistryReader } from "./registry-reader.ts";
import { atEnd, createScratch } from "./scratch.ts";

/** A Berth that mirrors a real distribution registry, which stands for Docker Hub, through a counting proxy. */
export interface MirrorStage {
  readonly berth: Berth;
  /** The distribution registry, for pushes to "Docker Hub". */
  readonly hub: RegistryReader;
  readonly front: FaultyProxy;
  /** Stops the upstream. Connections to it are refused afterwards. */
  readonly stopHub: () => Promise<void>;
}

/** @param foreignLayerHosts hosts to fetch foreign layers from */
export async function openMirrorStage(foreignLayerHosts: readonly string[]): Promise<MirrorStage> {
  const distribution = await startDistribution(createScratch("hub"));
  const front = await startFaultyProxy(distribution.port);
  let isUp = true;
  const stopHub = async (): Promise<void> => {
    if (!isUp) return;
    isUp = false;
    await front.close();
    await distribution.stop();
  };
  atEnd(stopHub);
  const mirror = {
    namespace: "docker.io",
    upstream: front.url,
    visibility: "public",
    root: true,
    allowPrivateNetwork: true,
    foreignLayerHosts,
    // The mirror checks the tag for each pull, so that pulls without the upstream need the stale cache.
    ttl: { tag: "0s" },
  };
  const berth = await startBerth({ settings: { BERTH_MIRRORS: JSON.stringify([mirror]) } });
  const hub = createRegistryReader(`127.0.0.1:${distribution.port}`);
  return { berth, hub, front, stopHub };
}
