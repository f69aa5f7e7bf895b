import { deletedTagsAtMost } from "../api/limits.ts";
import type { VisibilityFilter } from "../auth/visibility.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";
import type { RepositoryDetails } from "../database/catalog/repository-details.ts";
import type { TagCursorPosition } from "../database/catalog/tag-pages.ts";
import type { Database } from "../database/contract.ts";
import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/reference.ts";
import { matcherOf, parseTagPatterns } from "../oci/tag-patterns.ts";
import type { PullCounts } from "./pull-counters.ts";
import { createTagSearch, type TagFilter, type TaggedHome } from "./tag-search.ts";

/** The tags of a repository that a client wants to delete together: all that match the filter and the expression. */
export interface TagSelection extends TagFilter {
  /** RE2 expression for the whole name. */
  readonly matching: string;
  /** The number of the newest matching tags that stay. */
  readonly keep: number;
}

export interface SelectedTags {
  /** The oldest first, at most 1,000, immutable ones last. */
  readonly tags: readonly Tag[];
  /** There are others that are not immutable. */
  readonly more: boolean;
  /** The numbers of all selected tags, and of the immutable ones among them. */
  readonly selected: number;
  readonly immutable: number;
}

/** More manifests and blobs than this are not added up. */
const manifestsAtMost = 2_000;
const digestsAtMost = 20_000;
const manifestsAtOnce = 20;
const digestsAtOnce = 50;

export type TagRemoval = ReturnType<typeof createTagRemoval>;

/** What a deletion of tags deletes, before it is done. */
export function createTagRemoval(parts: {
  readonly database: Pick<Database, "tagPages" | "tagRelations" | "tagRemoval">;
  readonly counts: PullCounts;
  readonly clock: () => number;
  /** `gc.deleteUntagged`: otherwise a manifest stays without its tags. */
  readonly deletesUntagged: boolean;
}) {
  const { database, deletesUntagged } = parts;
  const search = createTagSearch(parts);
  const { tagRemoval } = database;

  return {
    /**
     * Bytes of the blobs that the collector deletes if the tags are deleted, as far as the principal may read other
     * repositories with these blobs; `undefined` for more than 2,000 manifests or 20,000 blobs.
     */
    async frees(
      repositoryId: number,
      tags: readonly Tag[],
      visibility: VisibilityFilter,
      work: YieldingWork,
    ): Promise<number | undefined> {
      if (!deletesUntagged) return 0;
      const removal = { repositoryId, tags, manifestIds: [] };
      return freedBytes(tagRemoval, removal, visibility, work);
    },

    /** What a deletion of the tags does with each. */
    async outcomes(
      { id, immutableTags }: Pick<RepositoryDetails, "id" | "immutableTags">,
      tags: readonly Tag[],
    ): Promise<ReadonlyMap<Tag, "deleted" | "immutable">> {
      const isImmutable = immutableTags === null ? () => false : await matcherOf(immutableTags);
      const existing = await database.tagPages.existing(id, tags);
      return new Map(existing.map((tag) => [tag, isImmutable(tag) ? "immutable" : "deleted"]));
    },

    /** See {@link selectTags}. */
    select: (home: SelectedHome, selection: TagSelection, work: YieldingWork) =>
      selectTags(search, home, selection, work),
  };
}

/**
 * The bytes of the blobs that the collector deletes after the tags, the manifests, and the manifests that only they keep
 * are deleted; otherwise as `frees`.
 */
export async function freedBytes(
  tagRemoval: Database["tagRemoval"],
  removal: Removal,
  visibility: VisibilityFilter,
  work: YieldingWork,
): Promise<number | undefined> {
  if (removal.tags.length > manifestsAtMost) return undefined;
  const removed = await removedManifests(tagRemoval, removal, work);
  if (removed === undefined) return undefined;
  const ids = [...removed];
  const all = await contentsOf(tagRemoval, ids, work);
  if (all === undefined) return undefined;
  let bytes = 0;
  for (let at = 0; at < all.length; at += digestsAtOnce) {
    await work.step();
    const some = all.slice(at, at + digestsAtOnce);
    bytes += await tagRemoval.unusedBytes(removal.repositoryId, some, ids, visibility);
  }
  return bytes;
}

interface Removal {
  readonly repositoryId: number;
  readonly tags: readonly Tag[];
  /** Manifests that nothing keeps. */
  readonly manifestIds: readonly number[];
}

type SelectedHome = TaggedHome & Pick<RepositoryDetails, "immutableTags">;

/** The tags that a selection means. Immutable ones are last, so that a repeated deletion reaches all others. */
async function selectTags(
  search: ReturnType<typeof createTagSearch>,
  home: SelectedHome,
  { matching, keep, ...filter }: TagSelection,
  work: YieldingWork,
): Promise<SelectedTags> {
  const matches = await matcherOf(await parseTagPatterns([matching]));
  const isImmutable =
    home.immutableTags === null ? () => false : await matcherOf(home.immutableTags);
  const named: TagCursorPosition[] = [];
  for (const tag of await search.all(home, { ...filter, unusedForDays: undefined }, work)) {
    await work.step();
    if (matches(tag.name)) named.push(tag);
  }
  const oldest = named
    .toSorted((a, b) => a.updatedAtMs - b.updatedAtMs)
    .slice(0, Math.max(0, named.length - keep));
  const unused = filter.unusedForDays === undefined ? oldest : await search.all(home, filter, work);
  const names = new Set(unused.map(nameOf));
  const [deletable, immutable]: [Tag[], Tag[]] = [[], []];
  for (const { name } of oldest) {
    await work.step();
    if (names.has(name)) (isImmutable(name) ? immutable : deletable).push(name);
  }
  return {
    tags: [...deletable, ...immutable].slice(0, deletedTagsAtMost),
    more: deletable.length > deletedTagsAtMost,
    selected: deletable.length + immutable.length,
    immutable: immutable.length,
  };
}

const nameOf = ({ name }: TagCursorPosition): Tag => name;

/** The content that manifests name; `undefined` for too much. */
async function contentsOf(
  tagRemoval: Database["tagRemoval"],
  manifestIds: readonly number[],
  work: YieldingWork,
): Promise<readonly Digest[] | undefined> {
  const digests = new Set<Digest>();
  for (let at = 0; at < manifestIds.length; at += manifestsAtOnce) {
    await work.step();
    const some = manifestIds.slice(at, at + manifestsAtOnce);
    for (const digest of await tagRemoval.contents(some, digestsAtMost + 1)) digests.add(digest);
    if (digests.size > digestsAtMost) return undefined;
  }
  return [...digests];
}

/** The manifests that the collector deletes after the tags are gone; `undefined` for too many. */
async function removedManifests(
  tagRemoval: Database["tagRemoval"],
  { repositoryId, tags, manifestIds }: Removal,
  work: YieldingWork,
): Promise<ReadonlySet<number> | undefined> {
  const removed = new Set<number>();
  const tagged = tags.length === 0 ? [] : await tagRemoval.manifestsOf(repositoryId, tags);
  const waiting = new Set([...manifestIds, ...tagged]);
  while (waiting.size > 0 && removed.size + waiting.size <= manifestsAtMost) {
    await work.step();
    const given = { tags, manifestIds: [...removed] };
    const unused = await tagRemoval.unused(repositoryId, [...waiting], given);
    if (unused.length === 0) return removed;
    for (const id of unused) {
      removed.add(id);
      waiting.delete(id);
    }
    const dependents = await tagRemoval.dependents(repositoryId, unused, manifestsAtMost);
    // One that something else keeps may lose it later, so it stays among the waiting ones.
    for (const id of dependents) if (!removed.has(id)) waiting.add(id);
  }
  return waiting.size === 0 ? removed : undefined;
}
