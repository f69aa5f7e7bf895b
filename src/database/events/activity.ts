import { sql, type RawBuilder } from "kysely";
import type { RepositoryName } from "../../oci/name.ts";
import { dialectOf } from "../dialect.ts";
import type { Db } from "../schema.ts";
import { isAction, type AuditEntry } from "./audit.ts";

/** An audit row of a repository. */
export type ActivityEntry = Omit<AuditEntry, "account">;

export interface ActivityQuery {
  readonly repository: RepositoryName;
  /** The page has only rows with smaller ids. */
  readonly before?: number | undefined;
  readonly actor?: string | undefined;
  /** An action or a prefix of it: `repo.tag` matches `repo.tag.push`. */
  readonly action?: string | undefined;
  /** An action that is left out. */
  readonly except?: string | undefined;
  readonly limit: number;
}

export interface ActivityPage {
  readonly entries: readonly ActivityEntry[];
  /** The next page is before this id; `undefined`: there are no more rows. */
  readonly next: number | undefined;
}

/** A page looks at this number of rows at most, so that a filter that matches no row is not expensive. */
const rowsOfPage = 10_000;

export function createActivityReads(db: Db) {
  return {
    /** The newest rows first. A page may have fewer rows than `limit`, or none, and still a next page. */
    async page(query: ActivityQuery): Promise<ActivityPage> {
      const { before = Number.MAX_SAFE_INTEGER, limit } = query;
      const isOfRepository = sql<boolean>`${dialectOf(db).repositoryOfSubject} = ${query.repository}`;
      const [end] = await db
        .selectFrom("audit_log")
        .select("id")
        .where(isOfRepository)
        .where("id", "<", before)
        .orderBy("id", "desc")
        .limit(1)
        .offset(rowsOfPage - 1)
        .execute();
      const rows = await db
        .selectFrom("audit_log")
        .select(["id", "at as atMs", "actor", "action", "subject", "data", "peer"])
        .where(isOfRepository)
        .where("id", "<", before)
        .where("id", ">=", end?.id ?? 0)
        .where(isShown(query))
        .orderBy("id", "desc")
        .limit(limit + 1)
        .execute();
      const shown = rows.slice(0, limit);
      return {
        entries: shown.map((row) => ({
          ...row,
          data: JSON.parse(row.data) as Record<string, string>,
        })),
        next: rows.length > limit ? shown.at(-1)?.id : end?.id,
      };
    },
  };
}

/**
 * Older rows than the repository are of a former one of the same name. The label of a token may be the name of the
 * repository: only actions of repositories count.
 */
function isShown({ repository, actor, action, except }: ActivityQuery): RawBuilder<boolean> {
  const conditions = [
    sql`at >= (SELECT created_at FROM repositories WHERE name = ${repository})`,
    isAction("repo"),
    ...(action === undefined ? [] : [isAction(action)]),
    ...(except === undefined ? [] : [sql`action <> ${except}`]),
    ...(actor === undefined ? [] : [sql`actor = ${actor}`]),
  ];
  return sql<boolean>`(${sql.join(conditions, sql` AND `)})`;
}
