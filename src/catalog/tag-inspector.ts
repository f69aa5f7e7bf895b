import { imagesAtMost } from "../api/limits.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";
import type { IndexEntry } from "../database/catalog/images.ts";
import type { Registration } from "../database/catalog/pull-counters.ts";
import type { TagDetails, TaggedManifest } from "../database/catalog/tag-pages.ts";
import type { Database } from "../database/contract.ts";
import type { Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Tag } from "../oci/reference.ts";
import type { PullCount, PullCounts } from "./pull-counters.ts";

/** One platform of a tag. */
export interface Image {
  /** `undefined`: the index names the manifest, but the repository does not have it. */
  readonly manifestId: number | undefined;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly os: string;
  readonly architecture: string;
  readonly variant: string | null;
  readonly osVersion: string | null;
  readonly osFeatures: readonly string[];
  /** Sum of the stored sizes of config and layers. */
  readonly sizeBytes: number;
  readonly pushedAtMs: number | undefined;
}

/** An index entry with metadata of an image: provenance, or an SBOM. */
interface Attestation {
  readonly digest: Digest;
  /** Digest of the image that it describes. */
  readonly subject: string | null;
  readonly sizeBytes: number;
}

/** The images and attestations of a tagged manifest. */
interface TagImages {
  /** The first {@link imagesAtMost}. */
  readonly images: readonly Image[];
  /** Number of images. In an index with more than 200 entries, each entry after the first 200 counts as an image. */
  readonly imageCount: number;
  readonly attestations: readonly Attestation[];
}

/** A tag with its images and its pull counters. */
export interface TagWithImages extends TagDetails, TagImages {
  readonly count: PullCount | undefined;
}

/** Entries of an index that are read: each image may have an attestation. */
const entriesAtMost = 2 * imagesAtMost;

/** Reads the tags of one repository with their images and pull counters. */
export function createTagInspector(parts: {
  readonly database: Database;
  readonly counts: PullCounts;
}) {
  const { database, counts } = parts;
  return {
    /** Returns the details of a repository. Throws NAME_UNKNOWN if it does not exist. */
    async homeOf(repository: RepositoryName) {
      const [home] = await database.repositoryDetails.find([repository], { fullTexts: false });
      if (home === undefined)
        throw new OciError("NAME_UNKNOWN", undefined, { detail: { name: repository } });
      return home;
    },

    /** Returns the tags in the order of `names`, without deleted ones. */
    async of(
      repository: Registration & { readonly id: number },
      names: readonly Tag[],
      work: YieldingWork,
    ): Promise<readonly TagWithImages[]> {
      const tags = await database.tagPages.find(repository.id, names);
      const manifests = tags.map(({ manifest }) => manifest);
      const held = await imagesOfManifests(database, repository.id, manifests, work);
      const counted = await counts.ofTags(repository, names);
      const byName = new Map(tags.map((tag) => [tag.name, tag]));
      return names.flatMap((name) => {
        const tag = byName.get(name);
        if (tag === undefined) return [];
        const { images = [], imageCount = 0, attestations = [] } = held.get(tag.manifest.id) ?? {};
        return [{ ...tag, images, imageCount, attestations, count: counted.get(name) }];
      });
    },
  };
}

/** Returns the images of manifests of one repository, by manifest id. Reads at most 200 entries of each index. */
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
    attestations: attestations
      .slice(0, imagesAtMost)
      .map(({ digest, referenceDigest: subject, sizeBytes }) => ({ digest, subject, sizeBytes })),
  };
}

/** BuildKit marks attestations with an annotation, or with the platform `unknown/unknown`. */
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
    manifestId,
    digest,
    mediaType,
    variant,
    osVersion,
    os: manifest.os ?? "",
    architecture: manifest.architecture ?? "",
    osFeatures: osFeatures === null ? [] : (JSON.parse(osFeatures) as string[]),
    sizeBytes: (manifestId === undefined ? undefined : sizes.get(manifestId)) ?? 0,
    pushedAtMs: manifest.pushedAtMs ?? undefined,
  };
}
