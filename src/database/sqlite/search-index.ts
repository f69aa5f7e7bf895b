import { sql, type RawBuilder } from "kysely";
import { createVersionedCache, type ByteCache } from "../../concurrency/bounded-cache.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { SearchIndex, SearchMatches, SearchQuery } from "../catalog/search-index.ts";
import type { VisibilityFilter } from "../catalog/visibility-filter.ts";
import { isNamedBy } from "../query-parts.ts";
import type { Db } from "../schema.ts";

/** Cache of counts, 1 MiB: the least recently used is dropped first; a commit of any connection clears it. */
const countsBytesAtMost = 1024 * 1024;
/** Bytes of one count. The cache itself adds the size of the key, which contains the client's words. */
const countBytes = 8;

/**
 * The full-text index of repositories: the FTS5 table `search_index`. Its row ids are the ranks of the repositories, so
 * that their order is the order of the results.
 */
export class SqliteSearchIndex implements SearchIndex {
  readonly #db: Db;
  readonly #version: () => Promise<unknown>;
  readonly #counts: (version: unknown) => ByteCache<number>;

  /** @param version another value after each commit */
  constructor(db: Db, version: () => Promise<unknown>) {
    this.#db = db;
    this.#version = version;
    this.#counts = createVersionedCache<number>({
      maxBytes: countsBytesAtMost,
      sizeOf: () => countBytes,
    });
  }

  async find(query: SearchQuery): Promise<SearchMatches> {
    const { visibility, exact, countAtMost } = query;
    const match = await expressionOf(this.#db, query);
    const matches = sql`FROM search_index WHERE search_index MATCH ${match} ${pathsOf(visibility)}`;
    const paths = visibility.kind === "paths" ? visibility.paths : [];
    const key = JSON.stringify([match, paths, countAtMost]);
    const total = await this.#count(key, matches, countAtMost);
    if (total === 0) return { ids: [], total };
    const first = exact === undefined ? undefined : await this.#rankOf(exact, matches);
    const ranks = await this.#page(matches, first, query);
    return { ids: ranks.map(idOf), total };
  }

  async #count(key: string, matches: RawBuilder<unknown>, countAtMost: number): Promise<number> {
    const counts = this.#counts(await this.#version());
    const held = counts.get(key);
    if (held !== undefined) return held;
    const { rows } = await sql<{ readonly total: number }>`
      SELECT count(*) AS total FROM (SELECT rowid ${matches} LIMIT ${countAtMost})`.execute(
      this.#db,
    );
    const total = rows[0]?.total ?? 0;
    counts.set(key, total);
    return total;
  }

  /** The rank of a repository if it is among the matches. */
  async #rankOf(name: RepositoryName, matches: RawBuilder<unknown>): Promise<number | undefined> {
    const found = await this.#db
      .selectFrom("repositories")
      .innerJoin("search_documents", "search_documents.repository_id", "repositories.id")
      .select("search_documents.rank as rank")
      .where("repositories.name", "=", name)
      .executeTakeFirst();
    if (found === undefined) return undefined;
    // better-sqlite3 binds numbers as REAL, and FTS5 ignores a rowid condition that is not INTEGER: it returns every
    // row.
    const { rows } =
      await sql`SELECT rowid ${matches} AND rowid = CAST(${found.rank} AS INTEGER)`.execute(
        this.#db,
      );
    return rows.length > 0 ? found.rank : undefined;
  }

  /** The ranks on a page. `first` precedes all other matches. */
  async #page(
    matches: RawBuilder<unknown>,
    first: number | undefined,
    { offset, limit }: SearchQuery,
  ): Promise<readonly number[]> {
    const start = first !== undefined && offset === 0 && limit > 0 ? [first] : [];
    const others = first === undefined ? sql`` : sql`AND rowid <> ${first}`;
    const skipped = first === undefined ? offset : Math.max(0, offset - 1);
    const { rows } = await sql<{ readonly rank: number }>`
      SELECT rowid AS rank ${matches} ${others} ORDER BY rowid
      LIMIT ${limit - start.length} OFFSET ${skipped}`.execute(this.#db);
    return [...start, ...rows.map(({ rank }) => rank)];
  }
}

/** The lower 32 bits of a rank are the repository id. */
const idOf = (rank: number): number => rank % 2 ** 32;

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
function pathsOf(visibility: VisibilityFilter): RawBuilder<unknown> {
  if (visibility.kind !== "paths") return sql``;
  return sql`AND EXISTS (
    SELECT 1 FROM repositories WHERE id = search_index.rowid & 4294967295
      AND (visibility = 'public' OR ${isNamedBy(visibility.paths)}))`;
}
