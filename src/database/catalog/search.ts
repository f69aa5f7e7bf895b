import { sql, type RawBuilder } from "kysely";
import { createVersionedCache } from "../../concurrency/byte-cache.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { VisibilityFilter } from "../registry/catalog.ts";
import type { PullBucket } from "./pull-counters.ts";
import {
  describeFound,
  facetsOf,
  type Facet,
  type FoundRepository,
  type SearchMeasures,
} from "./found-repositories.ts";
import { oneOf } from "../one-of.ts";
import type { Db } from "../schema.ts";
import type { CacheInvalidation } from "../sqlite/cache-invalidation.ts";

/** What is looked for; what is left out says nothing. */
export interface SearchQuery {
  readonly visibility: VisibilityFilter;
  /** Words, in lower case, each the beginning of one in the name, the description or the README. None: everything. */
  readonly words: readonly string[];
  /** The repository that comes before all others if it matches too. */
  readonly exact?: RepositoryName | undefined;
  /** Of each facet one of the values. */
  readonly facets?: Readonly<Partial<Record<Facet, readonly string[]>>>;
  readonly isOfficial?: boolean | undefined;
  readonly namespace?: string | undefined;
  readonly offset: number;
  readonly limit: number;
  /** Matches beyond this are not counted. */
  readonly countAtMost: number;
}

export interface SearchPage {
  readonly items: readonly FoundRepository[];
  /** Of all that matches and that the viewer may read; no more than `countAtMost`. */
  readonly total: number;
}

/** Bytes of all kept counts; the least recently used go first, a commit of any connection removes all. */
const countsBytesAtMost = 1024 * 1024;
/** A count; its key, which has the words of the client, is counted by the cache. */
const countBytes = 8;

export function createSearchReads(db: Db, cacheInvalidation: CacheInvalidation) {
  const current = createVersionedCache<number>({
    maxBytes: countsBytesAtMost,
    sizeOf: () => countBytes,
    version: () => cacheInvalidation.version(),
  });

  const countOf = async (
    key: string,
    from: RawBuilder<unknown>,
    countAtMost: number,
  ): Promise<number> => {
    const counts = current();
    const held = counts.get(key);
    if (held !== undefined) return held;
    const { rows } = await sql<{ readonly total: number }>`
      SELECT count(*) AS total FROM (SELECT rowid ${from} LIMIT ${countAtMost})`.execute(db);
    const total = rows[0]?.total ?? 0;
    counts.set(key, total);
    return total;
  };

  const idsOf = async (query: SearchQuery): Promise<{ ids: number[]; total: number }> => {
    const { exact, offset, limit, countAtMost } = query;
    const match = await expressionOf(db, query);
    const from = sql`FROM search_index WHERE search_index MATCH ${match} ${pathsOf(query.visibility)}`;
    const paths = query.visibility.kind === "paths" ? query.visibility.paths : [];
    const total = await countOf(JSON.stringify([match, paths, countAtMost]), from, countAtMost);
    if (total === 0) return { ids: [], total };

    const ranks: number[] = [];
    const first = exact === undefined ? undefined : await rankOf(db, exact);
    // Numbers are bound as REAL, and FTS5 takes a row that is no INTEGER for every row.
    const isThere =
      first !== undefined &&
      (await sql`SELECT rowid ${from} AND rowid = CAST(${first} AS INTEGER)`.execute(db)).rows
        .length > 0;
    if (isThere && offset === 0 && limit > 0) ranks.push(first);
    const others = isThere ? sql`AND rowid <> ${first}` : sql``;
    const skipped = isThere ? Math.max(0, offset - 1) : offset;
    const { rows } = await sql<{ readonly rank: number }>`
      SELECT rowid AS rank ${from} ${others} ORDER BY rowid
      LIMIT ${limit - ranks.length} OFFSET ${skipped}`.execute(db);
    ranks.push(...rows.map(({ rank }) => rank));
    return { ids: ranks.map(idOf), total };
  };

  return {
    /** What repositories have images for, by their ids. */
    facetsOf: (ids: readonly number[]) => facetsOf(db, ids),

    /** The best first: the exact name, then official, by stars, and by the order of magnitude of the pulls. */
    async find(query: SearchQuery): Promise<SearchPage> {
      const { ids, total } = await idsOf(query);
      return { items: await describeFound(db, ids), total };
    },

    /** The same, to be put into another order: what that can go by, and no more. */
    async measures(query: SearchQuery): Promise<{
      readonly items: readonly SearchMeasures[];
      readonly total: number;
    }> {
      const { ids, total } = await idsOf(query);
      const rows = await db
        .selectFrom("repositories")
        .select(["id", "name", "star_count as stars"])
        .select(["created_at as createdAtMs", "updated_at as updatedAtMs"])
        .where("id", "in", oneOf(ids))
        .execute();
      const byId = new Map(rows.map((row) => [row.id, row]));
      return { items: ids.flatMap((id) => byId.get(id) ?? []), total };
    },

    /** In the order of the ids, without those that are gone. */
    describe: (ids: readonly number[]) => describeFound(db, ids),
  };
}

/** The lower half of a rank is the id. */
const idOf = (rank: number): number => rank % 2 ** 32;

async function rankOf(db: Db, name: RepositoryName): Promise<number | undefined> {
  const found = await db
    .selectFrom("repositories")
    .innerJoin("search_documents", "search_documents.repository_id", "repositories.id")
    .select("search_documents.rank as rank")
    .where("repositories.name", "=", name)
    .executeTakeFirst();
  return found?.rank;
}

/** As FTS5 takes it (https://sqlite.org/fts5.html, "Full-text Query Syntax"). */
async function expressionOf(db: Db, query: SearchQuery): Promise<string> {
  const { visibility, words, facets = {}, isOfficial, namespace } = query;
  const parts = [
    ...(words.length === 0
      ? []
      : [`{name description readme} : (${words.map((word) => `"${word}" *`).join(" AND ")})`]),
    ...Object.entries(facets).flatMap(([facet, values]) => {
      const tokens = values.map((value) => `${facet.replace("_", "")}${hex(value)}`);
      return tokens.length === 0 ? [] : [`facet : (${tokens.join(" OR ")})`];
    }),
  ];
  const access = await accessTokens(db, visibility);
  if (access !== undefined) parts.push(`access : (${access.join(" OR ")})`);
  if (namespace !== undefined) parts.push(`access : (${namespaceToken(namespace)})`);
  if (isOfficial !== undefined) parts.push(`access : (${isOfficial ? "o" : "c"})`);
  // What matches everything is written as what everything has one of.
  if (parts.length === 0) parts.push("access : (o OR c)");
  return parts.map((part) => `(${part})`).join(" AND ");
}

const hex = (text: string): string => Buffer.from(text).toString("hex");
const namespaceToken = (namespace: string): string => `n${hex(namespace)}`;

/** The tokens that the index has for what the viewer may read; `undefined`: there is nothing that they may not. */
async function accessTokens(
  db: Db,
  visibility: VisibilityFilter,
): Promise<readonly string[] | undefined> {
  switch (visibility.kind) {
    case "everything":
      return undefined;
    case "public":
      return ["v"];
    case "paths":
      return ["v", namespaceToken(visibility.namespace)];
    case "user": {
      const { accountId } = visibility;
      const { rows } = await sql<{ readonly namespace: string | null; readonly team: number }>`
        SELECT name AS namespace, 0 AS team FROM accounts WHERE id = ${accountId}
        UNION ALL SELECT accounts.name, 0 FROM members JOIN accounts ON accounts.id = members.organisation_id
          WHERE members.user_id = ${accountId} AND members.role = 'owner'
        UNION ALL SELECT NULL, team_id FROM team_members WHERE user_id = ${accountId}`.execute(db);
      const tokens = rows.map(({ namespace, team }) =>
        namespace === null ? `t${team}` : namespaceToken(namespace),
      );
      return ["v", `u${accountId}`, ...tokens];
    }
  }
}

/** What a token's paths leave of its namespace; asked of each row that matches, which only such a token pays for. */
function pathsOf(visibility: VisibilityFilter) {
  if (visibility.kind !== "paths") return sql``;
  const globs = visibility.paths.filter((path) => !/[?[\]]/.test(path));
  const isNamed = sql.join(
    [sql`visibility = 'public'`, ...globs.map((glob) => sql`name GLOB ${glob}`)],
    sql` OR `,
  );
  return sql`AND EXISTS (
    SELECT 1 FROM repositories WHERE id = search_index.rowid & 4294967295 AND (${isNamed}))`;
}

/** Puts repositories where their pulls have brought them. */
async function rankRepositories(
  tx: Db,
  { ranks }: { readonly ranks: readonly PullBucket[] },
): Promise<void> {
  for (const { repositoryId, pullBucket } of ranks) {
    await tx
      .updateTable("repositories")
      .set({ pull_rank: pullBucket })
      .where("id", "=", repositoryId)
      .execute();
  }
}

export const searchCommands = { rankRepositories };
