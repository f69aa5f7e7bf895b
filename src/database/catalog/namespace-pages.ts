import { sql, type RawBuilder } from "kysely";
import type { RepositoryName } from "../../oci/name.ts";
import { escapeLike, isNamedBy } from "../query-parts.ts";
import type { Db } from "../schema.ts";

/** The repositories of a namespace that a principal sees in lists. */
export type NamespaceView =
  | { readonly kind: "all" }
  | { readonly kind: "public" }
  /** Public repositories, and those with a permission for the user or one of the user's teams. */
  | { readonly kind: "granted"; readonly userId: number }
  /** Public repositories, and those that match one of these paths. `*` matches any characters. */
  | { readonly kind: "paths"; readonly paths: readonly string[] };

/** `pulls`: by pull bucket. */
type RepositoryOrder = "name" | "updated" | "pulls";

/** Keyset cursor: the position of a repository in an order. */
export interface RepositoryCursorPosition {
  readonly name: RepositoryName;
  /** 0 unless the order is `updated`. */
  readonly updatedAtMs: number;
  /** 0 unless the order is `pulls`. */
  readonly pullBucket: number;
}

export interface NamespacePageRequest {
  readonly namespace: string;
  readonly view: NamespaceView;
  readonly order: RepositoryOrder;
  readonly descending: boolean;
  /** A part of the name after the namespace. */
  readonly search?: string | undefined;
  /** `undefined`: both. */
  readonly visibility?: "public" | "private" | undefined;
  /** The page starts after this position … */
  readonly after?: RepositoryCursorPosition | undefined;
  /** … and then skips this number of rows. */
  readonly skip: number;
  readonly limit: number;
}

export function createNamespacePageReads(db: Db) {
  return {
    /**
     * Positions only, from indexes alone: PostgreSQL sorts all rows of the namespace if a page 500 needs another column
     * of each skipped row. The query merges the granted private repositories with no more public ones than the page can
     * need.
     */
    async list(request: NamespacePageRequest): Promise<readonly RepositoryCursorPosition[]> {
      const { view, visibility, skip, limit } = request;
      const positions = sql`SELECT ${columnsOf(request)} FROM repositories`;
      const order = orderOf(request);
      const pageOf = (rows: RawBuilder<unknown>) =>
        positionsOf(db, sql`${rows} ${order} LIMIT ${limit} OFFSET ${skip}`);
      const open = sql`${positions} WHERE visibility = 'public' AND ${within(request)}`;
      const given = sql`${privateIn(view)} AND ${within(request)}`;
      if (visibility === "private") return pageOf(sql`${positions} WHERE ${given}`);
      if (visibility === "public" || view.kind === "public") return pageOf(open);
      if (view.kind === "all") return pageOf(sql`${positions} WHERE ${within(request)}`);
      // At most `countOf(given)` of the skipped rows are granted ones, so the remaining skipped rows are public.
      const skipped = skip === 0 ? 0 : Math.max(0, skip - (await countOf(db, given)));
      return positionsOf(
        db,
        sql`SELECT * FROM (
          SELECT * FROM (${open} ${order} LIMIT ${limit + skip - skipped} OFFSET ${skipped}) AS open
          UNION ALL ${positions} WHERE ${given}) AS seen ${order} LIMIT ${limit} OFFSET ${skip - skipped}`,
      );
    },

    /** The total number on all pages. Without a search, public repositories are not counted one by one. */
    async count(
      request: Pick<NamespacePageRequest, "namespace" | "view" | "search" | "visibility">,
    ): Promise<number> {
      const { namespace, view, visibility } = request;
      if ((request.search ?? "") !== "") return countRows(db, request);
      const row = await db
        .selectFrom("namespace_counts")
        .select(["public", "private"])
        .where("namespace", "=", namespace)
        .executeTakeFirst();
      if (row === undefined) return 0;
      const open = visibility === "private" ? 0 : row.public;
      if (visibility === "public" || view.kind === "public" || row.private === 0) return open;
      if (view.kind === "all") return open + row.private;
      return open + (await countOf(db, sql`namespace = ${namespace} AND ${privateIn(view)}`));
    },
  };
}

interface PositionRow {
  readonly name: RepositoryName;
  readonly updated_at: number;
  readonly pull_rank: number;
}

async function positionsOf(
  db: Db,
  query: RawBuilder<unknown>,
): Promise<readonly RepositoryCursorPosition[]> {
  const { rows } = await sql<PositionRow>`${query}`.execute(db);
  return rows.map((row) => ({
    name: row.name,
    updatedAtMs: row.updated_at,
    pullBucket: row.pull_rank,
  }));
}

async function countOf(db: Db, condition: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql<{ readonly count: number }>`
    SELECT count(*) AS count FROM repositories WHERE ${condition}`.execute(db);
  return rows[0]?.count ?? 0;
}

function countRows(
  db: Db,
  request: Pick<NamespacePageRequest, "namespace" | "view" | "search" | "visibility">,
): Promise<number> {
  const { view, visibility } = request;
  const seen =
    visibility === "private"
      ? privateIn(view)
      : visibility === "public" || view.kind === "public"
        ? sql`visibility = 'public'`
        : view.kind === "all"
          ? sql`TRUE`
          : sql`(visibility = 'public' OR ${privateIn(view)})`;
  return countOf(db, sql`${seen} AND ${within(request)}`);
}

/** The conditions: namespace, search and cursor. */
function within(
  request: Pick<NamespacePageRequest, "namespace" | "search"> & Partial<NamespacePageRequest>,
): RawBuilder<unknown> {
  const { namespace, search, after, order, descending } = request;
  const conditions = [sql`namespace = ${namespace}`];
  if (search !== undefined && search !== "")
    conditions.push(
      // LIKE of SQLite ignores the case of ASCII letters, and names have no upper-case letters.
      sql`name LIKE ${`${escapeLike(namespace)}/%${escapeLike(search.toLowerCase())}%`} ESCAPE '\\'`,
    );
  if (after !== undefined) {
    const beyond = descending ? sql`<` : sql`>`;
    conditions.push(
      order === "name"
        ? sql`name ${beyond} ${after.name}`
        : order === "updated"
          ? sql`(updated_at, name) ${beyond} (${after.updatedAtMs}, ${after.name})`
          : sql`(pull_rank, name) ${beyond} (${after.pullBucket}, ${after.name})`,
    );
  }
  return sql.join(conditions, sql` AND `);
}

/** The columns of a position that the index of its order has. */
function columnsOf({ order }: NamespacePageRequest): RawBuilder<unknown> {
  const updatedAt = order === "updated" ? sql`updated_at` : sql`0 AS updated_at`;
  const pullRank = order === "pulls" ? sql`pull_rank` : sql`0 AS pull_rank`;
  return sql`name, ${updatedAt}, ${pullRank}`;
}

function orderOf({ order, descending }: NamespacePageRequest): RawBuilder<unknown> {
  const way = descending ? sql`DESC` : sql`ASC`;
  switch (order) {
    case "name":
      return sql`ORDER BY name ${way}`;
    case "updated":
      return sql`ORDER BY updated_at ${way}, name ${way}`;
    case "pulls":
      return sql`ORDER BY pull_rank ${way}, name ${way}`;
  }
}

/** The private repositories that a view has. */
function privateIn(view: NamespaceView): RawBuilder<unknown> {
  switch (view.kind) {
    case "all":
      return sql`visibility = 'private'`;
    case "public":
      return sql`FALSE`;
    case "granted":
    case "paths":
      return sql`visibility = 'private' AND ${isGiven(view)}`;
  }
}

function isGiven(view: Extract<NamespaceView, { kind: "granted" | "paths" }>): RawBuilder<unknown> {
  if (view.kind === "granted")
    return sql`id IN (
      SELECT repository_id FROM collaborators WHERE user_id = ${view.userId}
      UNION SELECT team_permissions.repository_id FROM team_members
        JOIN team_permissions ON team_permissions.team_id = team_members.team_id
        WHERE team_members.user_id = ${view.userId})`;
  return isNamedBy(view.paths);
}
