import type { BlobStore } from "../../storage/blob-store.ts";
import type { Metadata } from "../metadata/metadata.ts";
import { platformOfConfig } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { platformColumns } from "../registry/manifest-rows.ts";
import type { MirrorPlace } from "./place.ts";
import type { Storing } from "./storing.ts";

/** Configs of images are a few KiB; a larger one is not parsed. */
const largestConfigBytes = 256 * 1024;

/**
 * In a mirror the config of an image comes after its manifest. When it is here, the platform that it says is written to
 * the images that name it, as a push writes it. Resolves when that is done; a config that makes no sense says nothing.
 */
export function createPlatforms(parts: {
  readonly store: Pick<BlobStore, "open">;
  readonly metadata: Pick<Metadata, "blobs" | "manifestPlatforms" | "run">;
  readonly storing: Pick<Storing, "settled">;
}) {
  const { store, metadata, storing } = parts;

  return async ({ repository }: MirrorPlace, digest: Digest, sizeBytes: number): Promise<void> => {
    if (sizeBytes === 0 || sizeBytes > largestConfigBytes) return;
    await storing.settled(repository);
    const config = { repository, config: digest };
    if (!(await metadata.manifestPlatforms.areMissing(config))) return;
    const blob = await metadata.blobs.find(repository, digest);
    const range = { start: 0, end: sizeBytes - 1 };
    const bytes = blob && (await store.open(blob.storageKey, range));
    if (bytes === undefined) return;
    const pieces: Uint8Array[] = [];
    for await (const piece of bytes) pieces.push(Uint8Array.from(piece));
    const platform = platformOf(Buffer.concat(pieces));
    if (platform === undefined) return;
    await metadata.run("setPlatform", { ...config, platform: platformColumns(platform) });
  };
}

function platformOf(config: Buffer): ReturnType<typeof platformOfConfig> {
  try {
    return platformOfConfig(JSON.parse(config.toString("utf8")));
  } catch {
    return undefined;
  }
}
