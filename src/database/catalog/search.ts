import { sql } from "kysely";
import type { RepositoryName } from "../../oci/name.ts";
import { dialectOf } from "../dialect.ts";
import type { Visibility } from "../registry/schema.ts";
import type { Db } from "../schema.ts";
import type { Facet, SearchFilter, SearchIndex, SearchQuery } from "./search-index.ts";

export interface FoundRepository {
  readonly id: number;
  readonly name: RepositoryName;
  readonly description: string;
  readonly visibility: Visibility;
  readonly stars: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly facets: readonly FacetValue[];
}

/** The fields that results can be sorted by. */
export type SearchMeasures = Pick<
  FoundRepository,
  "id" | "name" | "stars" | "createdAtMs" | "updatedAtMs"
>;

export interface FacetValue {
  readonly facet: Facet;
  readonly value: string;
}

/** How many of some repositories have a value. */
export interface FacetCount {
  readonly facet: Facet;
  /** A value as a filter takes it: builds of one Windows release count together, as `10.0.20348*`. */
  readonly value: string;
  readonly repositories: number;
}

interface SearchPage {
  readonly items: readonly FoundRepository[];
  /** Matches that the principal may read, at most `countAtMost`. */
  readonly total: number;
}

export function createSearchReads(db: Db, index: SearchIndex) {
  return {
    /**
     * Best match first: the exact name, then official repositories, then by stars, then by the order of magnitude of
     * the pulls.
     */
    async find(query: SearchQuery): Promise<SearchPage> {
      const { ids, total } = await index.find(query);
      return { items: await describe(db, ids), total };
    },

    /** The same matches with only the fields that results can be sorted by. */
    async measures(query: SearchQuery): Promise<{
      readonly items: readonly SearchMeasures[];
      readonly total: number;
    }> {
      const { ids, total } = await index.find(query);
      const rows = await db
        .selectFrom("repositories")
        .select(["id", "name", "star_count as stars"])
        .select(["created_at as createdAtMs", "updated_at as updatedAtMs"])
        .where(dialectOf(db).isOneOf("id", ids))
        .execute();
      const byId = new Map(rows.map((row) => [row.id, row]));
      return { items: ids.flatMap((id) => byId.get(id) ?? []), total };
    },

    /** In the order of the ids, without deleted repositories. */
    describe: (ids: readonly number[]) => describe(db, ids),

    /** The facet values of repositories' images, by repository id. */
    facetsOf: (ids: readonly number[]) => facetsOf(db, ids),

    /** The ids of all repositories that match, in no order; `undefined` if there are `atMost` or more. */
    all: (filter: SearchFilter, atMost: number) => index.all(filter, atMost),

    /** How many of these repositories have each value of these facets, in no order. */
    countFacets: (ids: readonly number[], wanted: readonly Facet[]) => countFacets(db, ids, wanted),
  };
}

/** In the order of the ids, without deleted repositories. */
async function describe(db: Db, ids: readonly number[]): Promise<readonly FoundRepository[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom("repositories")
    .leftJoin("repository_descriptions", "repository_descriptions.repository_id", "repositories.id")
    .select(["id", "name", "visibility", "star_count as stars"])
    .select(["created_at as createdAtMs", "updated_at as updatedAtMs"])
    .select((row) => row.fn.coalesce("short_text", row.val("")).as("description"))
    .where(dialectOf(db).isOneOf("id", ids))
    .execute();
  const facets = await facetsOf(db, ids);
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => {
    const row = byId.get(id);
    return row === undefined ? [] : [{ ...row, facets: facets.get(id) ?? [] }];
  });
}

/** The facet values of repositories' images, by repository id. */
async function facetsOf(
  db: Db,
  ids: readonly number[],
): Promise<ReadonlyMap<number, readonly FacetValue[]>> {
  const found = new Map<number, FacetValue[]>();
  if (ids.length === 0) return found;
  const rows = await db
    .selectFrom("repository_facets")
    .select(["repository_id", "facet", "value"])
    .where(dialectOf(db).isOneOf("repository_id", ids))
    .orderBy("repository_id")
    .orderBy("facet")
    .orderBy("value")
    .execute();
  for (const { repository_id: id, facet, value } of rows) {
    const own = found.get(id);
    if (own === undefined) found.set(id, [{ facet, value }]);
    else own.push({ facet, value });
  }
  return found;
}

/** The first three numbers of a Windows build, with the `*` of a filter: a release has many fourth numbers. */
const filterValue = sql<string>`CASE
  WHEN facet = 'os_version' AND value || '.' LIKE '10.0._____.%' ESCAPE '\\'
  THEN substr(value, 1, 10) || '*' ELSE value END`;

async function countFacets(
  db: Db,
  ids: readonly number[],
  wanted: readonly Facet[],
): Promise<readonly FacetCount[]> {
  const rows = await db
    .selectFrom("repository_facets")
    .select(["facet", filterValue.as("counted")])
    .select((row) => row.fn.count<number>("repository_id").distinct().as("repositories"))
    .where(dialectOf(db).isOneOf("repository_id", ids))
    .where(dialectOf(db).isOneOf("facet", wanted))
    .groupBy(["facet", "counted"])
    .execute();
  return rows.map(({ facet, counted, repositories }) => ({ facet, value: counted, repositories }));
}
