import type { RepositoryName } from "../../oci/name.ts";
import type { TagPatterns } from "../../oci/tag-patterns.ts";
import type { Registration } from "../catalog/pull-counters.ts";
import { oneOf } from "../one-of.ts";
import type { Quota } from "./quotas.ts";
import type { Db, Visibility } from "../schema.ts";

export interface Repository {
  readonly id: number;
  readonly name: RepositoryName;
  readonly visibility: Visibility;
  /** Patterns of immutable tags; `null`: none. */
  readonly immutableTags: TagPatterns | null;
}

/** One page of a list; `more`: there are rows after it. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly more: boolean;
}

/** Makes a page of rows that were queried with `limit + 1`. */
export function pageOf<T>(rows: readonly T[], limit: number): Page<T> {
  return { items: rows.slice(0, limit), more: rows.length > limit };
}

export function createRepositoryReads(db: Db) {
  return {
    find: (name: RepositoryName): Promise<Repository | undefined> => findRepository(db, name),

    /** Creation times of the existing repositories. They distinguish a repository from an earlier one with its name. */
    registrations: (names: readonly RepositoryName[]): Promise<readonly Registration[]> =>
      db
        .selectFrom("repositories")
        .select(["name", "created_at as createdAtMs"])
        .where("name", "in", oneOf(names))
        .execute(),
  };
}

/** A repository, with the quota of its namespace if there is one. */
export async function findRepository(
  db: Db,
  name: RepositoryName,
): Promise<(Repository & { readonly quota: Quota | undefined }) | undefined> {
  const row = await db
    .selectFrom("repositories")
    .leftJoin("quotas", "quotas.namespace", "repositories.namespace")
    .select([
      "repositories.id as id",
      "repositories.name as name",
      "repositories.visibility as visibility",
      "repositories.immutable_tags as immutableTags",
      "quotas.limit_bytes as limitBytes",
      "quotas.used_bytes as usedBytes",
    ])
    .where("repositories.name", "=", name)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const { limitBytes, usedBytes, immutableTags, ...repository } = row;
  return {
    ...repository,
    immutableTags: immutableTags === null ? null : (JSON.parse(immutableTags) as TagPatterns),
    quota: usedBytes === null ? undefined : { limitBytes, usedBytes },
  };
}

export async function touchRepository(tx: Db, id: number, nowMs: number): Promise<void> {
  await tx.updateTable("repositories").set({ updated_at: nowMs }).where("id", "=", id).execute();
}
