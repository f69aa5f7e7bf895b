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

/** A search; an absent field does not filter. */
export interface SearchQuery {
  readonly visibility: VisibilityFilter;
  /**
   * Lower-case words. Each must be the prefix of a word in the name, the description or the README. An empty list
   * matches everything.
   */
  readonly words: readonly string[];
  /** This repository comes first if it matches too. */
  readonly exact?: RepositoryName | undefined;
  /** For each facet, one of the values must match. */
  readonly facets?: Readonly<Partial<Record<Facet, readonly string[]>>>;
  readonly isOfficial?: boolean | undefined;
  readonly namespace?: string | undefined;
  readonly offset: number;
  readonly limit: number;
  /** Matches above this number are not counted. */
  readonly countAtMost: number;
}

export interface SearchPage {
  readonly items: readonly FoundRepository[];
  /** Matches that the principal may read, at most `countAtMost`. */
  readonly total: number;
}

/** Cache of counts, 1 MiB: the least recently used is dropped first; a commit of any connection clears it. */
const countsBytesAtMost = 1024 * 1024;
/** Bytes of one count. The cache itself adds the size of the key, which contains the client's words. */
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
    // better-sqlite3 binds numbers as REAL, and FTS5 ignores a rowid condition that is not INTEGER: it returns every
    // row.
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
    /** The facet values of repositories' images, by repository id. */
    facetsOf: (ids: readonly number[]) => facetsOf(db, ids),

    /**
     * Best match first: the exact name, then official repositories, then by stars, then by the order of magnitude of
     * the pulls.
     */
    async find(query: SearchQuery): Promise<SearchPage> {
      const { ids, total } = await idsOf(query);
      return { items: await describeFound(db, ids), total };
    },

    /** The same matches with only the fields that results can be sorted by. */
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

    /** In the order of the ids, without deleted repositories. */
    describe: (ids: readonly number[]) => describeFound(db, ids),
  };
}

/** The lower 32 bits of a rank are the repository id. */
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

/** A query in the syntax of FTS5 (https://sqlite.org/fts5.html, "Full-text Query Syntax"). */
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
  // FTS5 needs an expression. Every document has one of these two tokens.
  if (parts.length === 0) parts.push("access : (o OR c)");
  return parts.map((part) => `(${part})`).join(" AND ");
}

const hex = (text: string): string => Buffer.from(text).toString("hex");
const namespaceToken = (namespace: string): string => `n${hex(namespace)}`;

/** The index tokens of the repositories that the principal may read; `undefined`: all of them. */
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

/** Restricts the matches to the token's paths in its namespace. It runs once per matching row, only for such tokens. */
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

/** Updates the pull buckets of repositories. */
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
