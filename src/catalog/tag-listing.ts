import { referrersAtMost } from "../api/limits.ts";
import type { Database } from "../database/contract.ts";
import type { TagMove } from "../database/registry/tag-history.ts";
import type { Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import { fallbackTagOf, parseTag, type Tag } from "../oci/reference.ts";
import type { PullCounts } from "./pull-counters.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";
import { createTagInspector, type TagWithImages } from "./tag-inspector.ts";

/** A referrer of a tag's images: a signature, an SBOM, or provenance. */
export interface TagReferrer {
  readonly digest: Digest;
  /** The manifest that the tag points at, or one of its images. */
  readonly subject: Digest;
  readonly mediaType: string;
  readonly artifactType: string | null;
  readonly sizeBytes: number;
  /** The tag of a referrer that cosign stored without the referrers API (`sha256-….sig`). */
  readonly tag: Tag | undefined;
}

interface TagPage {
  readonly items: readonly TagWithImages[];
  /** Number of tags in the repository. */
  readonly total: number;
  readonly more: boolean;
}

export type TagListing = ReturnType<typeof createTagListing>;

/** An index may have many images. Referrers are read for the first 20 subjects: the tagged manifest and its images. */
const subjectsAtMost = 20;
const cosignSuffixes = [".sig", ".att", ".sbom"];

/** All methods throw NAME_UNKNOWN if the repository does not exist. */
export function createTagListing(parts: {
  readonly database: Database;
  readonly counts: PullCounts;
}) {
  const { database } = parts;
  const contents = createTagInspector(parts);

  return {
    /** Lists tags sorted by name, after `last`. */
    async list(
      repository: RepositoryName,
      page: { readonly last?: Tag | undefined; readonly limit: number },
      work: YieldingWork,
    ): Promise<TagPage> {
      const home = await contents.homeOf(repository);
      const found = await database.tags.list(repository, page);
      const { items = [], more = false } = found ?? {};
      return { items: await contents.of(home, items, work), total: home.tagCount, more };
    },

    /** Returns a tag with at most 203 referrers. Throws MANIFEST_UNKNOWN if the tag does not exist. */
    async get(
      repository: RepositoryName,
      tag: Tag,
      work: YieldingWork,
    ): Promise<TagWithImages & { readonly referrers: readonly TagReferrer[] }> {
      const home = await contents.homeOf(repository);
      const [shown] = await contents.of(home, [tag], work);
      if (shown === undefined)
        throw new OciError("MANIFEST_UNKNOWN", undefined, { detail: { tag } });
      const { manifest, images } = shown;
      const subjects = [...new Set([manifest.digest, ...images.map(({ digest }) => digest)])];
      const referrers: TagReferrer[] = [];
      for (const subject of subjects.slice(0, subjectsAtMost)) {
        await work.step();
        const left = referrersAtMost - referrers.length;
        if (left <= 0) break;
        for (const found of await database.images.referrers(home.id, subject, left))
          referrers.push({ ...found, subject, tag: undefined });
        const fallback = fallbackTagOf(subject);
        const names = cosignSuffixes.map((suffix) => parseTag(`${fallback}${suffix}`));
        for (const { name, manifest: found } of await database.tagPages.find(home.id, names)) {
          const { digest, mediaType, artifactType, sizeBytes } = found;
          referrers.push({ digest, subject, mediaType, artifactType, sizeBytes, tag: name });
        }
      }
      return { ...shown, referrers };
    },

    /**
     * Lists the targets of a tag, newest first, also of a deleted tag. Throws MANIFEST_UNKNOWN if it has no history.
     */
    async history(
      repository: RepositoryName,
      tag: Tag,
      page: { readonly skip: number; readonly limit: number },
    ): Promise<{ readonly items: readonly TagMove[]; readonly total: number }> {
      const { id } = await contents.homeOf(repository);
      const total = await database.tagHistory.count(id, tag);
      if (total === 0) throw new OciError("MANIFEST_UNKNOWN", undefined, { detail: { tag } });
      return { items: await database.tagHistory.list(id, tag, page), total };
    },
  };
}
