import type { RepositoryName } from "../../oci/name.ts";
import { locked } from "../locks.ts";
import type { Db } from "../schema.ts";
import type { PullBucket } from "./pull-counters.ts";
import type { VisibilityFilter } from "./visibility-filter.ts";

export const facets = ["os", "os_version", "architecture", "type"] as const;
export type Facet = (typeof facets)[number];

/** What a search looks for; an absent field does not filter. */
export interface SearchFilter {
  readonly visibility: VisibilityFilter;
  /**
   * Lower-case words. Each must be the prefix of a word in the name, the description or the README, or a part of the
   * name (see `isPartOfName`). An empty list matches everything.
   */
  readonly words: readonly string[];
  /** For each facet, one of the values must match. An `os_version` with a `*` at its end matches by prefix. */
  readonly facets?: Readonly<Partial<Record<Facet, readonly string[]>>>;
  readonly isOfficial?: boolean | undefined;
  /** Only repositories in one of these namespaces. */
  readonly namespaces?: readonly string[] | undefined;
  /** No repositories in these namespaces. */
  readonly withoutNamespaces?: readonly string[] | undefined;
}

/** One page of a search. */
export interface SearchQuery extends SearchFilter {
  /** This repository comes first if it matches too. */
  readonly exact?: RepositoryName | undefined;
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

/** The beginning of the values that a filter matches; `undefined` if it matches one value. */
export function prefixIn(facet: string, value: string): string | undefined {
  return facet === "os_version" && value.endsWith("*") ? value.slice(0, -1) : undefined;
}

/**
 * The word may be found inside a word of a name. The index has at most 16 characters of each part, and one character is
 * in almost every name.
 */
export const isPartOfName = (word: string): boolean => /^[a-z0-9]{2,16}$/.test(word);

/** The full-text index of repositories. */
export interface SearchIndex {
  find(query: SearchQuery): Promise<SearchMatches>;
  /** The ids of all matches in no order; `undefined` if there are `atMost` or more. */
  all(filter: SearchFilter, atMost: number): Promise<readonly number[] | undefined>;
}

/** Updates the pull buckets of repositories. */
export async function rankRepositories(
  tx: Db,
  { ranks }: { readonly ranks: readonly PullBucket[] },
): Promise<void> {
  // Two commands that change the same repositories do it in the same order.
  const inOrder = ranks.toSorted((a, b) => a.repositoryId - b.repositoryId);
  for (const { repositoryId, pullBucket } of inOrder) {
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
  const waiting = tx
    .selectFrom("search_star_changes")
    .innerJoin("repositories", "repositories.id", "search_star_changes.repository_id")
    .select(["repositories.id as id", "star_count as stars"])
    .orderBy("repositories.id")
    .limit(limit + 1);
  // Waits for a star that is being added: it adds no row, since it sees the row that is deleted here.
  const changed = await locked(tx, waiting, { mode: "change", table: "repositories" }).execute();
  for (const { id, stars } of changed.slice(0, limit)) {
    await tx
      .updateTable("search_documents")
      .set({ stars })
      .where("repository_id", "=", id)
      // A star that was added and removed in between needs no update.
      .where("stars", "<>", stars)
      .execute();
    await tx.deleteFrom("search_star_changes").where("repository_id", "=", id).execute();
  }
  return changed.length > limit;
}
