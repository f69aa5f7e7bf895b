import { setImmediate } from "node:timers/promises";
import type { BlobStore } from "../../../storage/blob-store.ts";
import type { Database } from "../../database/database.ts";
import { parseConfigPlatform } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { platformColumns } from "../../registry/manifest-rows.ts";
import type { MirrorRepository } from "../repository.ts";
import type { WriteBehind } from "./write-behind.ts";

/** Configs of images are a few KiB; a larger one is not parsed. */
const largestConfigBytes = 256 * 1024;

/** Manifests that one query of {@link createPlatforms} `learnStored` looks at: less than 5 ms. */
const manifestsAtOnce = 500;

/** The platforms of mirrored images: the config of an image comes after its manifest. */
export function createPlatforms(parts: {
  readonly namespace: string;
  readonly store: Pick<BlobStore, "open">;
  readonly database: Pick<Database, "blobs" | "manifestPlatforms" | "run">;
  readonly writeBehind: Pick<WriteBehind, "settled">;
  readonly report: (error: unknown) => void;
}) {
  const { namespace, store, database, writeBehind, report } = parts;
  let isEnding = false;
  let learning = Promise.resolve();

  /**
   * Writes the platform that a config says to the images that name it, as a push writes it, once the config is here.
   * Resolves when that is done. A config without a platform, or that is no JSON, changes nothing.
   */
  const learn = async (
    { repository }: Pick<MirrorRepository, "repository">,
    digest: Digest,
    sizeBytes: number,
  ): Promise<void> => {
    if (sizeBytes === 0 || sizeBytes > largestConfigBytes) return;
    await writeBehind.settled(repository);
    const config = { repository, config: digest };
    if (!(await database.manifestPlatforms.areMissing(config))) return;
    const blob = await database.blobs.find(repository, digest);
    const range = { start: 0, end: sizeBytes - 1 };
    const bytes = blob && (await store.open(blob.storageKey, range));
    if (bytes === undefined) return;
    const pieces: Uint8Array[] = [];
    for await (const piece of bytes) pieces.push(Uint8Array.from(piece));
    const platform = parseConfigPlatform(Buffer.concat(pieces));
    if (platform === undefined) return;
    await database.run("setPlatform", { ...config, platform: platformColumns(platform) });
  };

  const learnAll = async (): Promise<void> => {
    let afterId: number | undefined = 0;
    while (afterId !== undefined && !isEnding) {
      const page = { namespace, afterId, limit: manifestsAtOnce };
      const { configs, lastId } = await database.manifestPlatforms.learnable(page);
      for (const { repository, config, sizeBytes } of configs)
        if (!isEnding) await learn({ repository }, config, sizeBytes);
      afterId = lastId;
      await setImmediate();
    }
  };

  return {
    learn,
    /**
     * Begins to {@link learn} from the configs that are here already, beside the requests of clients: images that Berth
     * mirrored before it read their configs have no platform.
     */
    learnStored(): void {
      learning = learnAll().catch(report);
    },
    async close(): Promise<void> {
      isEnding = true;
      await learning;
    },
  };
}
