import type { YieldingWork } from "../concurrency/yielding-work.ts";
import type { RepositoryDetails } from "../database/catalog/repository-details.ts";
import type { TagColumns, TagCursorPosition } from "../database/catalog/tag-pages.ts";
import type { Database } from "../database/contract.ts";
import type { NumberedPage } from "../oci/page.ts";
import type { Tag } from "../oci/reference.ts";
import { pullsOf, scanTags } from "../registry/tag-columns.ts";
import { countList, createPageReader, type PagedList } from "./keyset-cursors.ts";
import type { PullCounts } from "./pull-counters.ts";
import { compareNaturally, sortedWindow, type Compare } from "./tag-order.ts";

export interface TagFilter {
  /** A part of the name; empty: all tags. */
  readonly search: string;
  /** Tags with an image for one of these; empty: for any. */
  readonly os: readonly string[];
  readonly architecture: readonly string[];
  /** Days without a push and a pull; `undefined`: all tags. */
  readonly unusedForDays: number | undefined;
}

export interface TagQuery extends TagFilter, NumberedPage {
  readonly order: "name" | "natural" | "updated" | "size" | "pulls";
  readonly descending: boolean;
}

interface FoundTags {
  /** Number of tags that match. */
  readonly count: number;
  /** Those of the page. */
  readonly names: readonly Tag[];
}

export type TaggedHome = Pick<RepositoryDetails, "id" | "name" | "createdAtMs" | "tagCount">;

interface Parts {
  readonly database: Pick<Database, "tagPages" | "tagRelations">;
  readonly counts: PullCounts;
  readonly clock: () => number;
}

const manifestsAtOnce = 100;
const dayMs = 24 * 3600 * 1000;

/** Finds the tags of one repository by a filter, in an order, page by page. */
export function createTagSearch(parts: Parts) {
  const { database } = parts;
  const readPage = createPageReader(parts.clock, isSamePosition);

  /** By name and by time the database has an index. */
  const findByIndex = async (
    home: TaggedHome,
    { order, ...query }: TagQuery & { readonly order: "name" | "updated" },
  ): Promise<FoundTags> => {
    const list = await countList(pagedTags(database, home, { order, ...query }));
    if ((query.page - 1) * query.size >= list.total) return { count: list.total, names: [] };
    const positions = await readPage(list, query);
    return { count: list.total, names: positions.map(({ name }) => name) };
  };

  return {
    /** Throws UNSUPPORTED (422) for an order or a filter without an index, if more than 100,000 tags have the text. */
    async find(home: TaggedHome, query: TagQuery, work: YieldingWork): Promise<FoundTags> {
      const { order, descending, page, size } = query;
      if ((order === "name" || order === "updated") && !needsScan(query))
        return findByIndex(home, { ...query, order });
      const columns = await scanTags(database.tagPages, home, columnsFor(query), work);
      const matching = await matchingTags(parts, home, { columns, filter: query }, work);
      const ascending = await comparisonFor(parts, home, { columns, order }, work);
      await work.step();
      const compare: Compare = descending ? (a, b) => ascending(b, a) : ascending;
      const window = { skip: (page - 1) * size, limit: size };
      const found = sortedWindow(matching, compare, window);
      return {
        count: matching.length,
        names: Array.from(found, (at) => columns.names[at] as Tag),
      };
    },

    /** All tags that match, by name, with the times of their last pushes. Throws UNSUPPORTED as `find`. */
    async all(
      home: TaggedHome,
      filter: TagFilter,
      work: YieldingWork,
    ): Promise<readonly TagCursorPosition[]> {
      const columns = await scanTags(
        database.tagPages,
        home,
        { ...columnsFor(filter), hasTimes: true },
        work,
      );
      const matching = await matchingTags(parts, home, { columns, filter }, work);
      return Array.from(matching, (at) => ({
        name: columns.names[at] as Tag,
        updatedAtMs: columns.updatedAtMs[at] ?? 0,
      }));
    },
  };
}

const columnsFor = (query: TagFilter & { readonly order?: TagQuery["order"] }) => ({
  search: query.search,
  hasManifestIds: query.order === "size" || query.os.length + query.architecture.length > 0,
  hasTimes: query.order === "updated" || query.unusedForDays !== undefined,
});

const needsScan = ({ os, architecture, unusedForDays }: TagFilter): boolean =>
  os.length > 0 || architecture.length > 0 || unusedForDays !== undefined;

/** The tags of a repository as a list that the database orders. */
export function pagedTags(
  { tagPages }: Pick<Database, "tagPages">,
  { id: repositoryId, tagCount }: Pick<RepositoryDetails, "id" | "tagCount">,
  {
    search,
    order,
    descending,
  }: {
    readonly search: string;
    readonly order: "name" | "updated";
    readonly descending: boolean;
  },
): PagedList<TagCursorPosition> {
  const filter = { repositoryId, search, order, descending };
  return {
    key: JSON.stringify(filter),
    isSearch: search !== "",
    count: async () => (search === "" ? tagCount : tagPages.countNamed(repositoryId, search)),
    read: (window) => tagPages.list({ ...filter, ...window }),
  };
}

export const isSamePosition = (a: TagCursorPosition, b: TagCursorPosition): boolean =>
  a.name === b.name && a.updatedAtMs === b.updatedAtMs;

/** The positions of the tags that match a filter. The names match already. */
async function matchingTags(
  parts: Parts,
  home: TaggedHome,
  { columns, filter }: { readonly columns: TagColumns; readonly filter: TagFilter },
  work: YieldingWork,
): Promise<Uint32Array> {
  const { os, architecture, unusedForDays } = filter;
  const idOf = (at: number): number => columns.manifestIds[at] ?? 0;
  let matching = new Uint32Array(columns.names.length).map((_, at) => at);
  if (unusedForDays !== undefined) {
    const unusedSinceMs = parts.clock() - unusedForDays * dayMs;
    const { lastPulledAtMs } = await pullsOf(parts.counts, home, columns, work);
    matching = matching.filter(
      (at) => Math.max(columns.updatedAtMs[at] ?? 0, lastPulledAtMs[at] ?? 0) <= unusedSinceMs,
    );
  }
  if (os.length > 0 || architecture.length > 0) {
    const ids = new Float64Array(matching.length).map((_, at) => idOf(matching[at] ?? 0));
    const wanted = new Set<number>();
    for await (const platform of platformsOf(parts, home, ids, work))
      if (isOneOf(os, platform.os) && isOneOf(architecture, platform.architecture))
        wanted.add(platform.manifestId);
    matching = matching.filter((at) => wanted.has(idOf(at)));
  }
  return matching;
}

const isOneOf = (wanted: readonly string[], value: string): boolean =>
  wanted.length === 0 || wanted.includes(value);

/** Compares two tags by their positions. Equal ones are in the order of their names. */
async function comparisonFor(
  parts: Parts,
  home: TaggedHome,
  { columns, order }: { readonly columns: TagColumns; readonly order: TagQuery["order"] },
  work: YieldingWork,
): Promise<Compare> {
  const { names, manifestIds, updatedAtMs } = columns;
  const byNumber =
    (values: ArrayLike<number>): Compare =>
    (a, b) =>
      (values[a] ?? 0) - (values[b] ?? 0) || a - b;
  switch (order) {
    case "name":
      return (a, b) => a - b;
    case "natural":
      return (a, b) => compareNaturally(names[a] ?? "", names[b] ?? "") || a - b;
    case "updated":
      return byNumber(updatedAtMs);
    case "pulls":
      return byNumber((await pullsOf(parts.counts, home, columns, work)).pulls);
    case "size": {
      const sizes = new Map<number, number>();
      for await (const { manifestId, sizeBytes } of platformsOf(parts, home, manifestIds, work))
        sizes.set(manifestId, (sizes.get(manifestId) ?? 0) + sizeBytes);
      return byNumber(manifestIds.map((id) => sizes.get(id) ?? 0));
    }
  }
}

/** Yields the platforms of the manifests, each manifest once. */
async function* platformsOf(
  { database }: Parts,
  { id }: TaggedHome,
  manifestIds: Float64Array,
  work: YieldingWork,
) {
  const distinct = [...new Set(manifestIds)];
  for (let at = 0; at < distinct.length; at += manifestsAtOnce) {
    await work.step();
    const some = distinct.slice(at, at + manifestsAtOnce);
    yield* await database.tagRelations.platforms(id, some);
  }
}
