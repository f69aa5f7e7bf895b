import { setImmediate } from "node:timers/promises";
import type { BlobStore } from "../../../storage/blob-store.ts";
import type { Database } from "../../database/contract.ts";
import { parseConfigPlatform } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { platformColumns } from "../../registry/push-manifest.ts";
import type { MirrorRepository } from "../repository.ts";
import type { WriteBehind } from "./write-behind.ts";

/** Image configs are a few KiB. The mirror does not parse a larger one. */
const largestConfigBytes = 256 * 1024;

/** Manifests per query of `learnStored`: one query takes less than 5 ms. */
const manifestsAtOnce = 500;

/** Fills in the platforms of mirrored images, because the config of an image arrives after its manifest. */
export function createPlatforms(parts: {
  readonly namespace: string;
  readonly store: Pick<BlobStore, "open">;
  readonly database: Pick<Database, "blobs" | "mirrorReferences" | "commands">;
  readonly writeBehind: Pick<WriteBehind, "settled">;
  readonly report: (error: unknown) => void;
}) {
  const { namespace, store, database, writeBehind, report } = parts;
  let isEnding = false;
  let learning = Promise.resolve();

  /**
   * Reads the platform from a stored config, and writes it to the manifests that name the config, like a push does.
   * Resolves when the rows are written. A config without a platform, or with invalid JSON, changes nothing.
   */
  const learn = async (
    { repository }: Pick<MirrorRepository, "repository">,
    digest: Digest,
    sizeBytes: number,
  ): Promise<void> => {
    if (sizeBytes === 0 || sizeBytes > largestConfigBytes) return;
    await writeBehind.settled(repository);
    const config = { repository, config: digest };
    if (!(await database.mirrorReferences.isPlatformMissing(config))) return;
    const blob = await database.blobs.find(repository, digest);
    const range = { start: 0, end: sizeBytes - 1 };
    const bytes = blob && (await store.open(blob.storageKey, range));
    if (bytes === undefined) return;
    const pieces: Uint8Array[] = [];
    for await (const piece of bytes) pieces.push(Uint8Array.from(piece));
    const platform = parseConfigPlatform(Buffer.concat(pieces));
    if (platform === undefined) return;
    await database.commands.setPlatform({ ...config, platform: platformColumns(platform) });
  };

  const learnAll = async (): Promise<void> => {
    let afterId: number | undefined = 0;
    while (afterId !== undefined && !isEnding) {
      const page = { namespace, afterId, limit: manifestsAtOnce };
      const { configs, lastId } = await database.mirrorReferences.configsWithoutPlatform(page);
      for (const { repository, config, sizeBytes } of configs)
        if (!isEnding) await learn({ repository }, config, sizeBytes);
      afterId = lastId;
      await setImmediate();
    }
  };

  return {
    learn,
    /**
     * Starts to {@link learn} from the stored configs in the background: images that an older version of Berth mirrored
     * have no platform.
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
