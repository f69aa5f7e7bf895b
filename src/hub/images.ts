import type { IndexEntry } from "../metadata/images.ts";
import type { Metadata } from "../metadata/metadata.ts";
import type { TaggedManifest } from "../metadata/tag-pages.ts";
import type { Digest } from "../oci/digest.ts";

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

/** What a manifest holds for whoever pulls. */
export interface Holdings {
  readonly images: readonly Image[];
  readonly attestations: readonly Attestation[];
}

/** Of many manifests of one repository at once, by their ids, in three queries. */
export async function holdingsOf(
  metadata: Pick<Metadata, "images">,
  repositoryId: number,
  manifests: readonly TaggedManifest[],
): Promise<ReadonlyMap<number, Holdings>> {
  const indexes = manifests.filter(({ kind }) => kind === "index").map(({ id }) => id);
  const entries = await metadata.images.entries(repositoryId, [...new Set(indexes)]);
  const ids = [
    ...manifests.filter(({ kind }) => kind !== "index").map(({ id }) => id),
    ...entries.flatMap(({ manifestId }) => (manifestId === null ? [] : [manifestId])),
  ];
  const sizes = await metadata.images.sizes([...new Set(ids)]);
  const byIndex = groupedBy(entries, ({ indexId }) => indexId);
  return new Map(
    manifests.map((manifest) => [
      manifest.id,
      manifest.kind === "index"
        ? holdingsOfIndex(byIndex.get(manifest.id) ?? [], sizes)
        : { images: [imageOf(manifest, manifest.id, sizes)], attestations: [] },
    ]),
  );
}

function holdingsOfIndex(
  entries: readonly IndexEntry[],
  sizes: ReadonlyMap<number, number>,
): Holdings {
  const images: Image[] = [];
  const attestations: Attestation[] = [];
  for (const entry of entries) {
    const annotations = (
      entry.annotations === null ? {} : JSON.parse(entry.annotations)
    ) as Readonly<Record<string, string>>;
    if (isAttestation(entry, annotations)) {
      const { digest, sizeBytes } = entry;
      const subject = annotations["vnd.docker.reference.digest"] ?? null;
      attestations.push({ digest, subject, sizeBytes });
    } else images.push(imageOf(entry, entry.manifestId ?? undefined, sizes));
  }
  return { images, attestations };
}

/** By the annotation that BuildKit writes, or by a platform that nobody has. */
function isAttestation(
  { os, architecture }: IndexEntry,
  annotations: Readonly<Record<string, string>>,
): boolean {
  return (
    annotations["vnd.docker.reference.type"] === "attestation-manifest" ||
    (os === "unknown" && architecture === "unknown")
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
