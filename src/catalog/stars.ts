import type { Actor } from "../database/permissions/authority.ts";
import type { Database } from "../database/contract.ts";
import type { RepositoryName } from "../oci/name.ts";

/** The stars that users give to repositories. A star moves the repository up in search results. */
export interface Stars {
  /** Returns `false` if the user has too many stars. The search order follows within seconds. */
  add(actor: Actor, repository: RepositoryName): Promise<boolean>;
  remove(actor: Actor, repository: RepositoryName): Promise<void>;
}

export function createStars(parts: {
  readonly database: Database;
  readonly clock: () => number;
}): Stars {
  const { database, clock } = parts;
  const rankSoon = createStarRanking(database);
  return {
    async add(actor, repository) {
      const isDone = await database.commands.star({ actor, repository, nowMs: clock() });
      rankSoon();
      return isDone;
    },
    async remove(actor, repository) {
      await database.commands.unstar({ actor, repository, nowMs: clock() });
      rankSoon();
    },
  };
}

/** 10 search documents are rewritten per second, because a user may give 5,000 stars in a row. */
const rankedAtOnce = 10;
const rankEveryMs = 1_000;

/**
 * Updates the search rank of repositories after star changes. After a crash, the next star continues the remaining
 * work.
 */
function createStarRanking(database: Pick<Database, "unflushedCommands">): () => void {
  let timer: NodeJS.Timeout | undefined;
  const rank = async (): Promise<void> => {
    const hasMore = await database.unflushedCommands.rankByStars({ limit: rankedAtOnce });
    if (hasMore) rankSoon();
  };
  const rankSoon = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      // If the database is closed or read-only, the pending rows stay until the next star.
      rank().catch(() => undefined);
    }, rankEveryMs).unref();
  };
  return rankSoon;
}
