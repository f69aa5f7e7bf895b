import type { RepositoryName } from "../../oci/name.ts";
import type { Actor } from "../events/audit.ts";
import type { Db } from "../schema.ts";

/** The actor is the user that stars. */
interface Star {
  readonly actor: Actor;
  readonly repository: RepositoryName;
  readonly nowMs: number;
}

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

/** An id that no account has. */
const noAccountId = -1;
/** Per user. */
const starsAtMost = 5000;

/** Stars a repository; a second call changes nothing. False if the user has the maximum number of stars. */
async function star(tx: Db, { actor, repository, nowMs }: Star): Promise<boolean> {
  const userId = actor.accountId ?? noAccountId;
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
        .select((given) => [
          "accounts.id",
          "repositories.id as repository",
          given.val(nowMs).as("at"),
        ])
        .where("accounts.id", "=", userId)
        .where("repositories.name", "=", repository),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return true;
}

async function unstar(tx: Db, { actor, repository }: Star): Promise<void> {
  const userId = actor.accountId ?? noAccountId;
  await tx
    .deleteFrom("stars")
    .where("user_id", "=", userId)
    .where("repository_id", "in", (query) =>
      query.selectFrom("repositories").select("id").where("name", "=", repository),
    )
    .execute();
}

/**
 * Updates the search documents of up to `limit` repositories whose stars have changed. The limit keeps the transaction
 * short, since an update indexes all words of a README again. True if there are more.
 */
async function rankByStars(tx: Db, { limit }: { readonly limit: number }): Promise<boolean> {
  const changed = await tx
    .selectFrom("search_star_changes")
    .leftJoin("repositories", "repositories.id", "search_star_changes.repository_id")
    .select(["search_star_changes.repository_id as id", "star_count as stars"])
    .limit(limit + 1)
    .execute();
  for (const { id, stars } of changed.slice(0, limit)) {
    await tx
      .updateTable("search_documents")
      .set({ stars: stars ?? 0 })
      .where("repository_id", "=", id)
      // A star that was added and removed in between needs no update.
      .where("stars", "<>", stars ?? 0)
      .execute();
    await tx.deleteFrom("search_star_changes").where("repository_id", "=", id).execute();
  }
  return changed.length > limit;
}

export const starCommands = { star, unstar, rankByStars };
