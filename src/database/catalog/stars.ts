import type { RepositoryName } from "../../oci/name.ts";
import type { Actor } from "../events/audit.ts";
import type { Db } from "../schema.ts";

/** The actor is the user. */
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

    /** Everything that the user has starred, in the order of the names. */
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

/** No account. */
const noAccountId = -1;
/** Of one user. */
const starsAtMost = 5000;

/** Once or again: a user has at most one star for a repository. False if that, or the user, is gone, or has too many. */
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
 * Brings the search documents of the next few repositories up to date whose stars have changed. Each document
 * has all words of a README. True if there are more.
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
      // A star that came and went is written nowhere.
      .where("stars", "<>", stars ?? 0)
      .execute();
    await tx.deleteFrom("search_star_changes").where("repository_id", "=", id).execute();
  }
  return changed.length > limit;
}

export const starCommands = { star, unstar, rankByStars };
