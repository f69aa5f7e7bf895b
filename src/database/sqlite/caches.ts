import type { Database as SqliteConnection } from "better-sqlite3";
import { createVersionedCache } from "../../concurrency/bounded-cache.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { Reference } from "../../oci/reference.ts";
import type { StoredManifest } from "../registry/manifests.ts";

/** Tells whether cached rows are still current. */
export interface CacheInvalidation {
  /** Changes when another connection has committed. */
  version(): unknown;
  /** Reads the version again before the next answer, instead of in the next turn of the event loop. */
  invalidate(): void;
}

/**
 * SQLite's `data_version` changes when another connection, of any process, has committed. It is read once per turn of
 * the event loop, which costs 2 µs for all requests of that turn.
 */
export function createCacheInvalidation(connection: SqliteConnection): CacheInvalidation {
  const statement = connection.prepare("PRAGMA data_version").pluck();
  let version: unknown;
  let checked = false;
  return {
    version() {
      if (checked) return version;
      version = statement.get();
      checked = true;
      setImmediate(() => {
        checked = false;
      });
      return version;
    },
    invalidate() {
      checked = false;
    },
  };
}

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

interface RepositoryCache {
  /** Synchronous, and without a query while the database has not changed. */
  factsOf(name: RepositoryName): RepositoryFacts;
}

/**
 * Cache of about 10,000 names, 4 MiB: the least recently used is dropped first; a commit of any connection clears it.
 * Names without a repository are cached too, so clients determine the number of names.
 */
const repositoriesBytesAtMost = 4 * 1024 * 1024;
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
    maxBytes: repositoriesBytesAtMost,
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

/** Cache of manifests: no query while the database has not changed. */
interface ManifestCache {
  /** As `manifests.find`, synchronously. */
  find(repository: RepositoryName, reference: Reference): StoredManifest | undefined;
}

/**
 * Bytes of all cached rows and keys, 32 MiB: the least recently used is dropped first; a commit of any connection
 * clears it.
 */
const manifestsBytesAtMost = 32 * 1024 * 1024;

const selection = `
  SELECT manifests.digest AS digest, manifests.media_type AS mediaType,
         manifests.content AS content, manifests.leased_until AS leasedUntilMs
  FROM repositories JOIN manifests ON manifests.repository_id = repositories.id`;

export function createManifestCache(
  connection: SqliteConnection,
  cacheInvalidation: CacheInvalidation,
): ManifestCache {
  const byTag = connection.prepare(
    `${selection} JOIN tags ON tags.manifest_id = manifests.id AND tags.repository_id = repositories.id
     WHERE repositories.name = ? AND tags.name = ?`,
  );
  const byDigest = connection.prepare(
    `${selection} WHERE repositories.name = ? AND manifests.digest = ?`,
  );
  const current = createVersionedCache<StoredManifest>({
    maxBytes: manifestsBytesAtMost,
    sizeOf: ({ content, mediaType }) => content.length + mediaType.length,
    version: () => cacheInvalidation.version(),
  });

  return {
    find(repository, reference) {
      const rows = current();
      const text = reference.kind === "tag" ? reference.tag : reference.digest;
      const key = `${repository} ${text}`;
      const held = rows.get(key);
      if (held !== undefined) return held;
      const statement = reference.kind === "tag" ? byTag : byDigest;
      const found = statement.get(repository, text) as StoredManifest | undefined;
      if (found === undefined) return undefined;
      rows.set(key, found);
      return found;
    },
  };
}
