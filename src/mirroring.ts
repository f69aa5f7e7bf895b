import type { BlobStore } from "../storage/blob-store.ts";
import { readProxies } from "./config/proxies.ts";
import type { Config } from "./config/schema.ts";
import type { Metadata } from "./metadata/metadata.ts";
import type { Mirrors } from "./mirror/mirrors.ts";
import type { Blobs } from "./registry/blobs.ts";
import type { KeepingTimes } from "./registry/clock.ts";
import type { Logger } from "./observability/logger.ts";

/** The mirrors that a configuration names; `undefined` if it names none, and then nothing of them is loaded. */
export async function openMirroring(
  config: Pick<Config, "mirrors" | "limits">,
  parts: {
    readonly store: BlobStore;
    readonly metadata: Metadata;
    readonly registry: { readonly blobs: Pick<Blobs, "open"> };
    readonly clock: () => number;
    readonly keeping: KeepingTimes;
    readonly logger: Pick<Logger, "error">;
  },
): Promise<Mirrors | undefined> {
  if (config.mirrors.length === 0) return undefined;
  const { registry, logger, ...rest } = parts;
  const { openMirrors } = await import("./mirror/mirrors.ts");
  return await openMirrors(config.mirrors, {
    ...rest,
    blobs: registry.blobs,
    manifestBytes: config.limits.manifestSize,
    proxies: readProxies(),
    report: (error) => logger.error({ err: error }, "the mirror could not do what it should"),
  });
}
