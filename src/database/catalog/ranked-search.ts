import { sql, type RawBuilder } from "kysely";
import { createVersionedCache, type ByteCache } from "../../concurrency/bounded-cache.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { bigint } from "../query-parts.ts";
import type { Db } from "../schema.ts";
import {
  isPartOfName,
  type SearchFilter,
  type SearchIndex,
  type SearchMatches,
  type SearchQuery,
} from "./search-index.ts";
import type { VisibilityFilter } from "./visibility-filter.ts";

/** Cache of counts, 1 MiB: the least recently used is dropped first; a commit of any connection clears it. */
const countsBytesAtMost = 1024 * 1024;
/** Bytes of one count. The cache itself adds the size of the key, which contains the client's words. */
const countBytes = 8;

/** What a document must match. */
export interface Match {
  /** The query in the language of the index. */
  readonly expression: string;
  readonly visibility: VisibilityFilter;
}

/**
 * Which repositories match the words of a search: `beginnings` = each word begins a word of the name, the description or
 * the README; `parts` = the others in which each word does so or is a part of the name; `both`.
 */
export type Matching = "beginnings" | "parts" | "both";

export interface PageOfMatches {
  readonly match: Match;
  /** Another condition, which begins with AND. */
  readonly others: RawBuilder<unknown>;
  /** There are more matches than were counted. */
  readonly areMore: boolean;
  readonly limit: number;
  readonly offset: number;
}

/**
 * A full-text index whose documents have the ranks of the repositories. The order of the ranks is the order of the
 * results, and matches by a part of the name come after all others. A subclass writes the condition in the query language of its database.
 */
export abstract class RankedSearchIndex implements SearchIndex {
  protected readonly db: Db;
  readonly #version: () => Promise<unknown>;
  readonly #counts: (version: unknown) => ByteCache<number>;

  /** @param version another value after each commit */
  constructor(db: Db, version: () => Promise<unknown>) {
    this.db = db;
    this.#version = version;
    this.#counts = createVersionedCache<number>({
      maxBytes: countsBytesAtMost,
      sizeOf: () => countBytes,
    });
  }

  /** The table of the index, and its column with the rank. */
  protected abstract readonly table: RawBuilder<unknown>;
  protected abstract readonly rank: RawBuilder<number>;
  /** The query in the language of the index. */
  protected abstract expressionOf(
    filter: SearchFilter,
    access: Access | undefined,
    matching: Matching,
  ): string;
  /** The condition on a row of the index. */
  protected abstract conditionOf(match: Match): RawBuilder<unknown>;

  async find(query: SearchQuery): Promise<SearchMatches> {
    const { countAtMost, offset, limit } = query;
    if (query.namespaces?.length === 0) return { ids: [], total: 0 };
    const access = await accessOf(this.db, query.visibility);
    const begun = this.#matchOf(query, access, "beginnings");
    const total = await this.#count(begun, countAtMost);
    const ids = await this.#firstPage(query, begun, total);
    if (total === countAtMost || !query.words.some(isPartOfName)) return { ids, total };
    const match = this.#matchOf(query, access, "parts");
    const others = await this.#count(match, countAtMost);
    const ranks =
      others === 0 || ids.length === limit
        ? []
        : await this.page({
            ...{ match, others: sql``, areMore: others === countAtMost },
            ...{ limit: limit - ids.length, offset: Math.max(0, offset - total) },
          });
    return { ids: [...ids, ...ranks.map(idOf)], total: Math.min(total + others, countAtMost) };
  }

  /** The ids on a page of the matches. The repository with the exact name comes first. */
  async #firstPage(
    { exact, offset, limit, countAtMost }: SearchQuery,
    match: Match,
    total: number,
  ): Promise<readonly number[]> {
    if (total === 0) return [];
    const first = exact === undefined ? undefined : await this.#rankOf(exact, match);
    const areMore = total === countAtMost;
    if (first === undefined) {
      const ranks = await this.page({ match, others: sql``, areMore, limit, offset });
      return ranks.map(idOf);
    }
    const start = offset === 0 && limit > 0 ? [first] : [];
    const ranks = await this.page({
      match,
      others: sql`AND ${this.rank} <> ${bigint(first)}`,
      areMore,
      limit: limit - start.length,
      offset: Math.max(0, offset - 1),
    });
    return [...start, ...ranks].map(idOf);
  }

  async all(filter: SearchFilter, atMost: number): Promise<readonly number[] | undefined> {
    if (filter.namespaces?.length === 0) return [];
    const match = this.#matchOf(filter, await accessOf(this.db, filter.visibility), "both");
    const { rows } = await sql<{ readonly rank: number }>`
      SELECT ${this.rank} AS rank FROM ${this.table} WHERE ${this.conditionOf(match)} LIMIT ${atMost}`.execute(
      this.db,
    );
    return rows.length < atMost ? rows.map(({ rank }) => idOf(rank)) : undefined;
  }

  #matchOf(filter: SearchFilter, access: Access | undefined, matching: Matching): Match {
    return {
      expression: this.expressionOf(filter, access, matching),
      visibility: filter.visibility,
    };
  }

  /** The ranks on a page of the matches, in ascending order. */
  protected async page(page: PageOfMatches): Promise<readonly number[]> {
    const { match, others, limit, offset } = page;
    const { rows } = await sql<{ readonly rank: number }>`
      SELECT ${this.rank} AS rank FROM ${this.table} WHERE ${this.conditionOf(match)} ${others}
      ORDER BY ${this.rank} LIMIT ${limit} OFFSET ${offset}`.execute(this.db);
    return rows.map(({ rank }) => rank);
  }

  async #count(match: Match, countAtMost: number): Promise<number> {
    const { expression, visibility } = match;
    const paths = visibility.kind === "paths" ? visibility.paths : [];
    const key = JSON.stringify([expression, paths, countAtMost]);
    const counts = this.#counts(await this.#version());
    const held = counts.get(key);
    if (held !== undefined) return held;
    const { rows } = await sql<{ readonly total: number }>`
      SELECT count(*) AS total FROM (
        SELECT ${this.rank} FROM ${this.table} WHERE ${this.conditionOf(match)} LIMIT ${countAtMost}) AS counted`.execute(
      this.db,
    );
    const total = rows[0]?.total ?? 0;
    counts.set(key, total);
    return total;
  }

  /** The rank of a repository if it is among the matches. */
  async #rankOf(name: RepositoryName, match: Match): Promise<number | undefined> {
    const found = await this.db
      .selectFrom("repositories")
      .innerJoin("search_documents", "search_documents.repository_id", "repositories.id")
      .select("search_documents.rank as rank")
      .where("repositories.name", "=", name)
      .executeTakeFirst();
    if (found === undefined) return undefined;
    // better-sqlite3 binds numbers as REAL, and FTS5 ignores a rowid condition that is not INTEGER: it returns every
    // row.
    const { rows } = await sql`
      SELECT ${this.rank} FROM ${this.table}
      WHERE ${this.conditionOf(match)} AND ${this.rank} = ${bigint(found.rank)}`.execute(this.db);
    return rows.length > 0 ? found.rank : undefined;
  }
}

/** The lower 32 bits of a rank are the repository id. */
const idOf = (rank: number): number => rank % 2 ** 32;

/** Besides public repositories, what a principal may read: by these namespaces, and by permissions for user and teams. */
export interface Access {
  readonly namespaces: readonly string[];
  readonly userIds: readonly number[];
  readonly teamIds: readonly number[];
}

/** `undefined`: the principal may read all repositories. */
async function accessOf(db: Db, visibility: VisibilityFilter): Promise<Access | undefined> {
  switch (visibility.kind) {
    case "everything":
      return undefined;
    case "public":
      return { namespaces: [], userIds: [], teamIds: [] };
    case "paths":
      return { namespaces: [visibility.namespace], userIds: [], teamIds: [] };
    case "user": {
      const { accountId } = visibility;
      const { rows } = await sql<{ readonly namespace: string | null; readonly team: number }>`
        SELECT name AS namespace, 0 AS team FROM accounts WHERE id = ${accountId}
        UNION ALL SELECT accounts.name, 0 FROM members JOIN accounts ON accounts.id = members.organisation_id
          WHERE members.user_id = ${accountId} AND members.role = 'owner'
        UNION ALL SELECT NULL, team_id FROM team_members WHERE user_id = ${accountId}`.execute(db);
      return {
        namespaces: rows.flatMap(({ namespace }) => namespace ?? []),
        userIds: [accountId],
        teamIds: rows.filter(({ namespace }) => namespace === null).map(({ team }) => team),
      };
    }
  }
}
