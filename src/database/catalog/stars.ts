import type { RepositoryName } from "../../oci/name.ts";
import type { AuditContext } from "../events/audit.ts";
import { lockRows } from "../locks.ts";
import { bigint, noAccountId } from "../query-parts.ts";
import { repositoryIdOf } from "../registry/repositories.ts";
import type { Db } from "../schema.ts";

/** The maximum number of stars of a user. */
const starsAtMost = 5000;

export function createStarReads(db: Db) {
  return {
    async has(userId: number, repositoryId: number): Promise<boolean> {
      const row = await db
        .selectFrom("stars")
        .select("user_id")
        .where("user_id", "=", userId)
        .where("repository_id", "=", repositoryId)
        .executeTakeFirst();
      return row !== undefined;
    },

    /** All stars of the user, in the order of the repository names. */
    async of(userId: number): Promise<readonly RepositoryName[]> {
      const rows = await db
        .selectFrom("stars")
        .innerJoin("repositories", "repositories.id", "stars.repository_id")
        .select("repositories.name as name")
        .where("stars.user_id", "=", userId)
        .orderBy("repositories.name")
        .limit(starsAtMost)
        .execute();
      return rows.map(({ name }) => name);
    },
  };
}

/** The actor is the user that stars. */
interface Star extends AuditContext {
  readonly repository: RepositoryName;
}

/** Stars a repository; a second call changes nothing. False if the user has the maximum number of stars. */
export async function star(tx: Db, { actor, repository, nowMs }: Star): Promise<boolean> {
  const userId = actor.accountId ?? noAccountId;
  const account = tx.selectFrom("accounts").select("id").where("id", "=", userId);
  await lockRows(tx, account, { mode: "change", table: "accounts" });
  const held = await tx
    .selectFrom("stars")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("user_id", "=", userId)
    .executeTakeFirstOrThrow();
  if (held.count >= starsAtMost) return false;
  await tx
    .insertInto("stars")
    .columns(["user_id", "repository_id", "created_at"])
    .expression((query) =>
      query
        .selectFrom(["accounts", "repositories"])
        .select(["accounts.id", "repositories.id as repository", bigint(nowMs).as("at")])
        .where("accounts.id", "=", userId)
        .where("repositories.name", "=", repository),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return true;
}

export async function unstar(tx: Db, { actor, repository }: Star): Promise<void> {
  const userId = actor.accountId ?? noAccountId;
  await tx
    .deleteFrom("stars")
    .where("user_id", "=", userId)
    .where("repository_id", "=", repositoryIdOf(tx, repository))
    .execute();
}
