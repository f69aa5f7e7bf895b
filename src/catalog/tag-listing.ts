import { aliasesAtMost, referrersAtMost } from "../api/limits.ts";
import type { Database } from "../database/contract.ts";
import type { RepositoryDetails } from "../database/catalog/repository-details.ts";
import type { TagMove } from "../database/registry/tag-history.ts";
import type { Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Listing } from "../oci/page.ts";
import { fallbackTagOf, parseTag, type Tag } from "../oci/reference.ts";
import type { PullCounts } from "./pull-counters.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";
import type { Registry } from "../registry/registry.ts";
import { createArtifactReader, type Artifact } from "./artifacts.ts";
import { createTagInspector, type TagWithImages } from "./tag-inspector.ts";
import { compareNaturally } from "./tag-order.ts";
import { relationsOf, type TagRelations } from "./tag-relations.ts";
import { createTagSearch, type TagQuery } from "./tag-search.ts";

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

/** An entry of the history of a tag, with tags that point at its digest now, at most {@link aliasesAtMost}. */
export interface ShownMove extends TagMove {
  readonly tags: readonly Tag[];
}

/** A tag as Berth's own API shows it. */
export interface ListedTag extends TagWithImages, TagRelations {
  /** `undefined`: the tag points at an index or a container image. */
  readonly artifact: Artifact | undefined;
}

interface TagPage {
  readonly items: readonly ListedTag[];
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
  readonly registry: Pick<Registry, "blobs">;
  readonly clock: () => number;
}) {
  const { database } = parts;
  const artifactsOf = createArtifactReader(parts);
  const contents = createTagInspector(parts);
  const search = createTagSearch(parts);

  /** The tags with their relations, in the order of `names`, without deleted ones. */
  const show = async (
    home: RepositoryDetails,
    names: readonly Tag[],
    work: YieldingWork,
  ): Promise<readonly ListedTag[]> => {
    const tags = await contents.of(home, names, work);
    const relations = await relationsOf(database, home, tags);
    const manifests = tags.map(({ manifest }) => manifest);
    const artifacts = await artifactsOf(home, manifests, work);
    return tags.flatMap((tag) => {
      const found = relations.get(tag.name);
      const artifact = artifacts.get(tag.manifest.id);
      return found === undefined ? [] : [Object.assign(tag, found, { artifact })];
    });
  };

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
      return { items: await show(home, items, work), total: home.tagCount, more };
    },

    /** Lists one page of the tags that match. Throws UNSUPPORTED, see `tag-search.ts`. */
    async find(
      repository: RepositoryName,
      query: TagQuery,
      work: YieldingWork,
    ): Promise<Listing<ListedTag>> {
      const home = await contents.homeOf(repository);
      const { count, names } = await search.find(home, query, work);
      return { count, items: await show(home, names, work) };
    },

    /** Returns a tag with at most 203 referrers. Throws MANIFEST_UNKNOWN if the tag does not exist. */
    async get(
      repository: RepositoryName,
      tag: Tag,
      work: YieldingWork,
    ): Promise<ListedTag & { readonly referrers: readonly TagReferrer[] }> {
      const home = await contents.homeOf(repository);
      const [shown] = await show(home, [tag], work);
      if (shown === undefined)
        throw new OciError("MANIFEST_UNKNOWN", undefined, { detail: { tag } });
      return { ...shown, referrers: await referrersOf(database, home.id, shown, work) };
    },

    /**
     * Lists the targets of a tag, newest first, also of a deleted tag. Throws MANIFEST_UNKNOWN if it has no history.
     */
    async history(
      repository: RepositoryName,
      tag: Tag,
      page: { readonly skip: number; readonly limit: number },
    ): Promise<{ readonly items: readonly ShownMove[]; readonly total: number }> {
      const { id } = await contents.homeOf(repository);
      const total = await database.tagHistory.count(id, tag);
      if (total === 0) throw new OciError("MANIFEST_UNKNOWN", undefined, { detail: { tag } });
      return { items: await movesOf(database, { id, name: repository }, tag, page), total };
    },
  };
}

async function movesOf(
  { tagHistory, tagRelations }: Pick<Database, "tagHistory" | "tagRelations">,
  repository: Pick<RepositoryDetails, "id" | "name">,
  tag: Tag,
  page: { readonly skip: number; readonly limit: number },
): Promise<readonly ShownMove[]> {
  const moves = await tagHistory.list(repository, tag, page);
  const ids = moves.flatMap(({ manifestId }) => manifestId ?? []);
  const tags = await tagRelations.tagsOf([...new Set(ids)], aliasesAtMost);
  return moves.map((move) => ({
    ...move,
    tags: (tags.get(move.manifestId ?? 0) ?? []).toSorted(compareNaturally),
  }));
}

/** The referrers of the tagged manifest and of its first images, also those under cosign's tags. */
async function referrersOf(
  { images: imageReads, tagPages }: Pick<Database, "images" | "tagPages">,
  repositoryId: number,
  { manifest, images }: ListedTag,
  work: YieldingWork,
): Promise<readonly TagReferrer[]> {
  const subjects = [...new Set([manifest.digest, ...images.map(({ digest }) => digest)])];
  const referrers: TagReferrer[] = [];
  for (const subject of subjects.slice(0, subjectsAtMost)) {
    await work.step();
    const left = referrersAtMost - referrers.length;
    if (left <= 0) break;
    for (const found of await imageReads.referrers(repositoryId, subject, left))
      referrers.push({ ...found, subject, tag: undefined });
    const fallback = fallbackTagOf(subject);
    const names = cosignSuffixes.map((suffix) => parseTag(`${fallback}${suffix}`));
    for (const { name, manifest: found } of await tagPages.find(repositoryId, names)) {
      const { digest, mediaType, artifactType, sizeBytes } = found;
      referrers.push({ digest, subject, mediaType, artifactType, sizeBytes, tag: name });
    }
  }
  return referrers;
}
