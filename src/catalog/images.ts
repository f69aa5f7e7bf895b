import type { IndexEntry } from "../database/catalog/images.ts";
import type { Database } from "../database/database.ts";
import type { TaggedManifest } from "../database/catalog/tag-pages.ts";
import type { Digest } from "../oci/digest.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";

/** One platform of a tag. */
export interface Image {
  /** `undefined`: the index names it, but the repository has it not. */
  readonly manifestId: number | undefined;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly os: string;
  readonly architecture: string;
  readonly variant: string | null;
  readonly osVersion: string | null;
  readonly osFeatures: readonly string[];
  /** Config and layers, as they are stored. */
  readonly sizeBytes: number;
  readonly pushedAtMs: number | undefined;
}

/** What says something of an image instead of being one: provenance, or an SBOM. */
export interface Attestation {
  readonly digest: Digest;
  /** The image that it speaks of. */
  readonly subject: string | null;
  readonly sizeBytes: number;
}

/** What a view shows of a manifest. */
export interface TagImages {
  /** The first {@link imagesAtMost}. */
  readonly images: readonly Image[];
  /** How many there are; where an index has more entries than are looked at, all of these count as images. */
  readonly imageCount: number;
  readonly attestations: readonly Attestation[];
}

/** Platforms that a view shows of one tag; the largest indexes of real images have about 30. */
export const imagesAtMost = 100;
/** Entries of an index that a view looks at: each image may come with an attestation. */
const entriesAtMost = 2 * imagesAtMost;

/** Of many manifests of one repository, by their ids; an index costs what is shown of it. */
export async function imagesOfManifests(
  database: Pick<Database, "images">,
  repositoryId: number,
  manifests: readonly TaggedManifest[],
  work: YieldingWork,
): Promise<ReadonlyMap<number, TagImages>> {
  const held = new Map<number, TagImages>();
  const single = manifests.filter(({ kind }) => kind !== "index");
  const sizes = await database.images.sizes(single.map(({ id }) => id));
  for (const manifest of manifests) {
    if (held.has(manifest.id)) continue;
    if (manifest.kind === "index") {
      await work.step();
      held.set(manifest.id, await imagesOfIndex(database, repositoryId, manifest.id));
    } else {
      const images = [imageOf(manifest, manifest.id, sizes)];
      held.set(manifest.id, { images, imageCount: 1, attestations: [] });
    }
  }
  return held;
}

async function imagesOfIndex(
  database: Pick<Database, "images">,
  repositoryId: number,
  indexId: number,
): Promise<TagImages> {
  const { items, total } = await database.images.entries(repositoryId, indexId, entriesAtMost);
  const ids = items.flatMap(({ manifestId }) => (manifestId === null ? [] : [manifestId]));
  const sizes = await database.images.sizes(ids);
  const attestations = items.filter(isAttestation);
  const images = items.filter((entry) => !isAttestation(entry));
  return {
    images: images
      .slice(0, imagesAtMost)
      .map((entry) => imageOf(entry, entry.manifestId ?? undefined, sizes)),
    imageCount: images.length + total - items.length,
    attestations: attestations.slice(0, imagesAtMost).map((entry) => ({
      ...{ digest: entry.digest, subject: entry.referenceDigest, sizeBytes: entry.sizeBytes },
    })),
  };
}

/** By the annotation that BuildKit writes, or by the platform unknown/unknown. */
function isAttestation({ os, architecture, referenceType }: IndexEntry): boolean {
  return (
    referenceType === "attestation-manifest" || (os === "unknown" && architecture === "unknown")
  );
}

function imageOf(
  manifest: Omit<TaggedManifest, "id" | "kind" | "pushedAtMs"> & {
    readonly pushedAtMs: number | null;
  },
  manifestId: number | undefined,
  sizes: ReadonlyMap<number, number>,
): Image {
  const { digest, mediaType, variant, osVersion, osFeatures } = manifest;
  return {
    ...{ manifestId, digest, mediaType, variant, osVersion },
    os: manifest.os ?? "",
    architecture: manifest.architecture ?? "",
    osFeatures: osFeatures === null ? [] : (JSON.parse(osFeatures) as string[]),
    sizeBytes: (manifestId === undefined ? undefined : sizes.get(manifestId)) ?? 0,
    pushedAtMs: manifest.pushedAtMs ?? undefined,
  };
}

export function groupedBy<T>(
  items: readonly T[],
  keyOf: (item: T) => number,
): ReadonlyMap<number, readonly T[]> {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
