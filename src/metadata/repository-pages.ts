import { sql, type RawBuilder } from "kysely";
import type { RepositoryName } from "../oci/name.ts";
import type { Database } from "./schema.ts";

/** What of a namespace somebody sees in lists. */
export type NamespaceView =
  | { readonly kind: "all" }
  | { readonly kind: "public" }
  /** And what was given to the user, or to a team of theirs. */
  | { readonly kind: "granted"; readonly userId: number }
  /** And what one of these paths means, in which `*` stands for any characters. */
  | { readonly kind: "paths"; readonly paths: readonly string[] };

export type RepositoryOrder = "name" | "updated";

/** Where a repository stands in an order. */
export interface RepositoryPlace {
  readonly name: RepositoryName;
  readonly updatedAtMs: number;
}

export interface RepositoryPageRequest {
  readonly namespace: string;
  readonly view: NamespaceView;
  readonly order: RepositoryOrder;
  readonly descending: boolean;
  /** Part of the name behind the namespace. */
  readonly search?: string | undefined;
  /** The page begins right behind this one … */
  readonly after?: RepositoryPlace | undefined;
  /** … and then so many further on. */
  readonly skip: number;
  readonly limit: number;
}

export function createRepositoryPageReads(db: Database) {
  return {
    /**
     * Names only, from indexes alone: public ones and others are each cut to what the page can need before they are
     * put together.
     */
    async list(request: RepositoryPageRequest): Promise<readonly RepositoryPlace[]> {
      const { view, skip, limit } = request;
      const all = sql`SELECT name, updated_at FROM repositories WHERE ${within(request)}`;
      const open = sql`SELECT name, updated_at FROM repositories
        WHERE visibility = 'public' AND ${within(request)}`;
      const order = orderOf(request);
      const parts = (): RawBuilder<unknown> => {
        if (view.kind === "all") return all;
        if (view.kind === "public") return open;
        return sql`SELECT name, updated_at FROM (${open} ${order} LIMIT ${skip + limit})
          UNION SELECT name, updated_at FROM repositories
            WHERE ${isGiven(view)} AND ${within(request)}`;
      };
      const { rows } = await sql<{ readonly name: RepositoryName; readonly updated_at: number }>`
        SELECT name, updated_at FROM (${parts()}) ${order} LIMIT ${limit} OFFSET ${skip}`.execute(
        db,
      );
      return rows.map(({ name, updated_at }) => ({ name, updatedAtMs: updated_at }));
    },

    /** How many there are on all pages. Without a search nothing is counted that is public. */
    async count(
      request: Pick<RepositoryPageRequest, "namespace" | "view" | "search">,
    ): Promise<number> {
      const { namespace, view } = request;
      if ((request.search ?? "") !== "") return countRows(db, request);
      const row = await db
        .selectFrom("namespace_counts")
        .select(["public", "private"])
        .where("namespace", "=", namespace)
        .executeTakeFirst();
      if (row === undefined) return 0;
      if (view.kind === "all") return row.public + row.private;
      if (view.kind === "public" || row.private === 0) return row.public;
      const given = await sql<{ readonly count: number }>`SELECT count(*) AS count FROM repositories
        WHERE namespace = ${namespace} AND visibility = 'private' AND ${isGiven(view)}`.execute(db);
      return row.public + (given.rows[0]?.count ?? 0);
    },
  };
}

async function countRows(
  db: Database,
  request: Pick<RepositoryPageRequest, "namespace" | "view" | "search">,
): Promise<number> {
  const { view } = request;
  const seen =
    view.kind === "all"
      ? sql`1`
      : view.kind === "public"
        ? sql`visibility = 'public'`
        : sql`(visibility = 'public' OR ${isGiven(view)})`;
  const { rows } = await sql<{ readonly count: number }>`SELECT count(*) AS count FROM repositories
    WHERE ${seen} AND ${within(request)}`.execute(db);
  return rows[0]?.count ?? 0;
}

/** The namespace, what is searched for, and where the page begins. */
function within(
  request: Pick<RepositoryPageRequest, "namespace" | "search"> & Partial<RepositoryPageRequest>,
): RawBuilder<unknown> {
  const { namespace, search, after, order, descending } = request;
  const conditions = [sql`namespace = ${namespace}`];
  if (search !== undefined && search !== "")
    conditions.push(sql`instr(substr(name, ${namespace.length + 2}), ${search.toLowerCase()}) > 0`);
  if (after !== undefined) {
    const beyond = descending ? sql`<` : sql`>`;
    conditions.push(
      order === "name"
        ? sql`name ${beyond} ${after.name}`
        : sql`(updated_at, name) ${beyond} (${after.updatedAtMs}, ${after.name})`,
    );
  }
  return sql.join(conditions, sql` AND `);
}

function orderOf({ order, descending }: RepositoryPageRequest): RawBuilder<unknown> {
  const way = descending ? sql`DESC` : sql`ASC`;
  return order === "name"
    ? sql`ORDER BY name ${way}`
    : sql`ORDER BY updated_at ${way}, name ${way}`;
}

function isGiven(view: Extract<NamespaceView, { kind: "granted" | "paths" }>): RawBuilder<unknown> {
  if (view.kind === "granted")
    return sql`id IN (
      SELECT repository_id FROM collaborators WHERE user_id = ${view.userId}
      UNION SELECT team_permissions.repository_id FROM team_members
        JOIN team_permissions ON team_permissions.team_id = team_members.team_id
        WHERE team_members.user_id = ${view.userId})`;
  // What else GLOB gives a meaning to is in no name, so that a path with it means nothing.
  const globs = view.paths.filter((path) => !/[?[\]]/.test(path));
  if (globs.length === 0) return sql`0`;
  return sql`(${sql.join(
    globs.map((glob) => sql`name GLOB ${glob}`),
    sql` OR `,
  )})`;
}
