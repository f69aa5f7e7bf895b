import { sql, type RawBuilder } from "kysely";
import type { RepositoryName } from "../../oci/name.ts";
import type { Database } from "../schema.ts";

/** What of a namespace somebody sees in lists. */
export type NamespaceView =
  | { readonly kind: "all" }
  | { readonly kind: "public" }
  /** And what was given to the user, or to a team of theirs. */
  | { readonly kind: "granted"; readonly userId: number }
  /** And what one of these paths means, in which `*` stands for any characters. */
  | { readonly kind: "paths"; readonly paths: readonly string[] };

/** `pulls`: by the rank that they have brought. */
export type RepositoryOrder = "name" | "updated" | "pulls";

/** Where a repository stands in an order. */
export interface RepositoryPlace {
  readonly name: RepositoryName;
  readonly updatedAtMs: number;
  readonly pullRank: number;
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
     * Names only, from indexes alone: of public ones no more than the page can need are put together with those that
     * were given.
     */
    async list(request: RepositoryPageRequest): Promise<readonly RepositoryPlace[]> {
      const { view, skip, limit } = request;
      const order = orderOf(request);
      const places = sql`SELECT name, updated_at, pull_rank FROM repositories`;
      const open = sql`${places} WHERE visibility = 'public' AND ${within(request)}`;
      if (view.kind === "all")
        return placesOf(
          db,
          sql`${places} WHERE ${within(request)} ${order} LIMIT ${limit} OFFSET ${skip}`,
        );
      if (view.kind === "public")
        return placesOf(db, sql`${open} ${order} LIMIT ${limit} OFFSET ${skip}`);
      const given = sql`visibility = 'private' AND ${isGiven(view)} AND ${within(request)}`;
      // All that were given may come first: so many fewer public ones are surely skipped.
      const skipped = skip === 0 ? 0 : Math.max(0, skip - (await countOf(db, given)));
      return placesOf(
        db,
        sql`SELECT * FROM (
          SELECT * FROM (${open} ${order} LIMIT ${limit + skip - skipped} OFFSET ${skipped})
          UNION ALL ${places} WHERE ${given}) ${order} LIMIT ${limit} OFFSET ${skip - skipped}`,
      );
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
      const given = sql`namespace = ${namespace} AND visibility = 'private' AND ${isGiven(view)}`;
      return row.public + (await countOf(db, given));
    },
  };
}

interface PlaceRow {
  readonly name: RepositoryName;
  readonly updated_at: number;
  readonly pull_rank: number;
}

async function placesOf(
  db: Database,
  query: RawBuilder<unknown>,
): Promise<readonly RepositoryPlace[]> {
  const { rows } = await sql<PlaceRow>`${query}`.execute(db);
  return rows.map((row) => ({
    ...{ name: row.name, updatedAtMs: row.updated_at, pullRank: row.pull_rank },
  }));
}

async function countOf(db: Database, condition: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql<{ readonly count: number }>`
    SELECT count(*) AS count FROM repositories WHERE ${condition}`.execute(db);
  return rows[0]?.count ?? 0;
}

function countRows(
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
  return countOf(db, sql`${seen} AND ${within(request)}`);
}

/** The namespace, what is searched for, and where the page begins. */
function within(
  request: Pick<RepositoryPageRequest, "namespace" | "search"> & Partial<RepositoryPageRequest>,
): RawBuilder<unknown> {
  const { namespace, search, after, order, descending } = request;
  const conditions = [sql`namespace = ${namespace}`];
  if (search !== undefined && search !== "")
    conditions.push(sql`name GLOB ${`${namespace}/*${asItIs(search.toLowerCase())}*`}`);
  if (after !== undefined) {
    const beyond = descending ? sql`<` : sql`>`;
    conditions.push(
      order === "name"
        ? sql`name ${beyond} ${after.name}`
        : order === "updated"
          ? sql`(updated_at, name) ${beyond} (${after.updatedAtMs}, ${after.name})`
          : sql`(pull_rank, name) ${beyond} (${after.pullRank}, ${after.name})`,
    );
  }
  return sql.join(conditions, sql` AND `);
}

function orderOf({ order, descending }: RepositoryPageRequest): RawBuilder<unknown> {
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

/** For GLOB, which takes some characters for others. */
const asItIs = (text: string): string => text.replaceAll(/[*?[]/g, "[$&]");

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
