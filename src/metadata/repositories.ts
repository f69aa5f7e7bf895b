import { namespaceOf, type RepositoryName } from "../oci/name.ts";
import type { Database } from "./schema.ts";

export interface Repository {
  readonly id: number;
  readonly name: RepositoryName;
}

/** One page of a listing: what was asked for, and whether there is more behind it. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly more: boolean;
}

/** Cuts the one row that was asked for beyond the page. */
export function pageOf<T>(rows: readonly T[], limit: number): Page<T> {
  return { items: rows.slice(0, limit), more: rows.length > limit };
}

export function createRepositoryReads(db: Database) {
  return {
    find: (name: RepositoryName): Promise<Repository | undefined> => findRepository(db, name),

    /** Names in bytewise order, after `last`. */
    async list(page: {
      readonly last?: string | undefined;
      readonly limit: number;
    }): Promise<Page<RepositoryName>> {
      const rows = await db
        .selectFrom("repositories")
        .select("name")
        .where("name", ">", (page.last ?? "") as RepositoryName)
        .orderBy("name")
        .limit(page.limit + 1)
        .execute();
      return pageOf(
        rows.map((row) => row.name),
        page.limit,
      );
    },
  };
}

export function findRepository(
  db: Database,
  name: RepositoryName,
): Promise<Repository | undefined> {
  return db
    .selectFrom("repositories")
    .select(["id", "name"])
    .where("name", "=", name)
    .executeTakeFirst();
}

/** The repository's id; it comes into being with the first thing that is stored in it. */
export async function ensureRepository(
  tx: Database,
  name: RepositoryName,
  nowMs: number,
): Promise<number> {
  const found = await findRepository(tx, name);
  if (found !== undefined) return found.id;
  const made = await tx
    .insertInto("repositories")
    .values({ name, namespace: namespaceOf(name), created_at: nowMs, updated_at: nowMs })
    .returning("id")
    .executeTakeFirstOrThrow();
  return made.id;
}

export async function touchRepository(tx: Database, id: number, nowMs: number): Promise<void> {
  await tx.updateTable("repositories").set({ updated_at: nowMs }).where("id", "=", id).execute();
}
