import type { Database as SqliteConnection } from "better-sqlite3";
import { createVersionedCache } from "../../concurrency/byte-cache.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { CacheInvalidation } from "./cache-invalidation.ts";

/** The facts of a repository that the policy needs on every request, whether it exists or not. */
export interface RepositoryFacts {
  readonly isThere: boolean;
  readonly isPublic: boolean;
  /** Number of the last removal of a repository of this name; 0 if there was none. */
  readonly removal: number;
  /** The repository exists, or existed before. */
  readonly isHosted: boolean;
  /** An account has the name of the namespace, or the namespace has repositories. */
  readonly hasNamespace: boolean;
}

export interface RepositoryCache {
  /** Synchronous, and without a query while the database has not changed. */
  factsOf(name: RepositoryName): RepositoryFacts;
}

/**
 * Cache of about 10,000 names, 4 MiB: the least recently used is dropped first; a commit of any connection clears it.
 * Names without a repository are cached too, so clients determine the number of names.
 */
const bytesAtMost = 4 * 1024 * 1024;
/** Bytes of one object with five fields. */
const factsBytes = 64;

export function createRepositoryCache(
  connection: SqliteConnection,
  cacheInvalidation: CacheInvalidation,
): RepositoryCache {
  const statement = connection.prepare(
    `SELECT (SELECT visibility = 'public' FROM repositories WHERE name = ?) AS isPublic,
            (SELECT sequence FROM repository_removals WHERE name = ?) AS removal,
            (EXISTS (SELECT 1 FROM accounts WHERE name = ?)
             OR EXISTS (SELECT 1 FROM repositories WHERE namespace = ?)) AS hasNamespace`,
  );
  const current = createVersionedCache<RepositoryFacts>({
    maxBytes: bytesAtMost,
    sizeOf: () => factsBytes,
    version: () => cacheInvalidation.version(),
  });

  return {
    factsOf(name) {
      const held = current();
      const facts = held.get(name);
      if (facts !== undefined) return facts;
      const namespace = namespaceOf(name);
      const row = statement.get(name, name, namespace, namespace) as {
        isPublic: 0 | 1 | null;
        removal: number | null;
        hasNamespace: 0 | 1;
      };
      const found = {
        isThere: row.isPublic !== null,
        isPublic: row.isPublic === 1,
        removal: row.removal ?? 0,
        isHosted: row.isPublic !== null || row.removal !== null,
        hasNamespace: row.hasNamespace === 1,
      };
      held.set(name, found);
      return found;
    },
  };
}
