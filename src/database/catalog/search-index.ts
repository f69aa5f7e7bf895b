import type { RepositoryName } from "../../oci/name.ts";
import { dialectOf } from "../dialect.ts";
import type { Db } from "../schema.ts";
import type { PullBucket } from "./pull-counters.ts";
import type { VisibilityFilter } from "./visibility-filter.ts";

export type Facet = "os" | "architecture" | "os_version" | "type";

/** A search; an absent field does not filter. */
export interface SearchQuery {
  readonly visibility: VisibilityFilter;
  /**
   * Lower-case words. Each must be the prefix of a word in the name, the description or the README. An empty list
   * matches everything.
   */
  readonly words: readonly string[];
  /** This repository comes first if it matches too. */
  readonly exact?: RepositoryName | undefined;
  /** For each facet, one of the values must match. */
  readonly facets?: Readonly<Partial<Record<Facet, readonly string[]>>>;
  readonly isOfficial?: boolean | undefined;
  readonly namespace?: string | undefined;
  readonly offset: number;
  readonly limit: number;
  /** Matches above this number are not counted. */
  readonly countAtMost: number;
}

/** Ids of the repositories on the page of a search, best match first. */
export interface SearchMatches {
  readonly ids: readonly number[];
  /** Matches that the principal may read, at most `countAtMost`. */
  readonly total: number;
}

/** The full-text index of repositories. */
export interface SearchIndex {
  find(query: SearchQuery): Promise<SearchMatches>;
}

/** Updates the pull buckets of repositories. */
export async function rankRepositories(
  tx: Db,
  { ranks }: { readonly ranks: readonly PullBucket[] },
): Promise<void> {
  for (const { repositoryId, pullBucket } of ranks) {
    await tx
      .updateTable("repositories")
      .set({ pull_rank: pullBucket })
      .where("id", "=", repositoryId)
      .execute();
  }
}

/**
 * Updates the search documents of up to `limit` repositories whose stars have changed. The limit keeps the transaction
 * short, since an update indexes all words of a README again. True if there are more.
 */
export async function rankByStars(tx: Db, { limit }: { readonly limit: number }): Promise<boolean> {
  const dialect = dialectOf(tx);
  const changed = await tx
    .selectFrom("search_star_changes")
    .select("repository_id as id")
    .orderBy("repository_id")
    .limit(limit + 1)
    .execute();
  const ids = changed.slice(0, limit).map(({ id }) => id);
  // Before the stars are read: a star that is added after that adds the row again.
  await tx.deleteFrom("search_star_changes").where(dialect.isOneOf("repository_id", ids)).execute();
  const counted = await tx
    .selectFrom("repositories")
    .select(["id", "star_count as stars"])
    .where(dialect.isOneOf("id", ids))
    .orderBy("id")
    .execute();
  for (const { id, stars } of counted)
    await tx
      .updateTable("search_documents")
      .set({ stars })
      .where("repository_id", "=", id)
      // A star that was added and removed in between needs no update.
      .where("stars", "<>", stars)
      .execute();
  return changed.length > limit;
}
