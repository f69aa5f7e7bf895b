import { createVersionedCache, stringBytes } from "../../concurrency/bounded-cache.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Reference } from "../../oci/reference.ts";
import type { Facts, RepositoryFacts } from "../facts.ts";
import type { LinkedBlob } from "../registry/blobs.ts";
import type { StoredManifest } from "../registry/manifests.ts";
import { translating, type SqliteConnection } from "./connection.ts";

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
  const read = translating(() => statement.get());
  let version: unknown;
  let checked = false;
  return {
    version() {
      if (checked) return version;
      version = read();
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

/** The facts from memory while the database has not changed, otherwise from a query that takes some 20 µs. */
export function createFacts(
  connection: SqliteConnection,
  cacheInvalidation: CacheInvalidation,
): Facts {
  const repository = translating(createRepositoryCache(connection, cacheInvalidation));
  const manifest = translating(createManifestCache(connection, cacheInvalidation));
  const blob = translating(createBlobCache(connection, cacheInvalidation));
  return {
    repositories: { get: async (name) => repository(name) },
    manifests: { get: async (name, reference) => manifest(name, reference) },
    blobs: { get: async (name, digest) => blob(name, digest) },
    ofBlob: (name, digest) => ({ repository: repository(name), blob: blob(name, digest) }),
    ofManifest: (name, reference) => ({
      repository: repository(name),
      manifest: manifest(name, reference),
    }),
  };
}

/**
 * Cache of about 10,000 names, 4 MiB: the least recently used is dropped first; a commit of any connection clears it.
 * Names without a repository are cached too, so clients determine the number of names.
 */
const repositoriesBytesAtMost = 4 * 1024 * 1024;
/** Bytes of one object with six fields. */
const factsBytes = 64;

function createRepositoryCache(
  connection: SqliteConnection,
  cacheInvalidation: CacheInvalidation,
): (name: RepositoryName) => RepositoryFacts {
  const statement = connection.prepare(
    `SELECT (SELECT visibility = 'public' FROM repositories WHERE name = ?) AS isPublic,
            (SELECT sequence FROM repository_removals WHERE name = ?) AS removal,
            (EXISTS (SELECT 1 FROM accounts WHERE name = ?)
             OR EXISTS (SELECT 1 FROM repositories WHERE namespace = ?)) AS hasNamespace`,
  );
  const current = createVersionedCache<RepositoryFacts>({
    maxBytes: repositoriesBytesAtMost,
    sizeOf: () => factsBytes,
  });

  return (name) => {
    const held = current(cacheInvalidation.version());
    const facts = held.get(name);
    if (facts !== undefined) return facts;
    const namespace = namespaceOf(name);
    const row = statement.get(name, name, namespace, namespace) as {
      isPublic: 0 | 1 | null;
      removal: number | null;
      hasNamespace: 0 | 1;
    };
    const found = {
      name,
      isThere: row.isPublic !== null,
      isPublic: row.isPublic === 1,
      removal: row.removal ?? 0,
      isHosted: row.isPublic !== null || row.removal !== null,
      hasNamespace: row.hasNamespace === 1,
    };
    held.set(name, found);
    return found;
  };
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

function createManifestCache(
  connection: SqliteConnection,
  cacheInvalidation: CacheInvalidation,
): (repository: RepositoryName, reference: Reference) => StoredManifest | undefined {
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
  });

  return (repository, reference) => {
    const rows = current(cacheInvalidation.version());
    const text = reference.kind === "tag" ? reference.tag : reference.digest;
    const key = `${repository} ${text}`;
    const held = rows.get(key);
    if (held !== undefined) return held;
    const statement = reference.kind === "tag" ? byTag : byDigest;
    const found = statement.get(repository, text) as StoredManifest | undefined;
    if (found === undefined) return undefined;
    rows.set(key, found);
    return found;
  };
}

/** The same for blobs: about 5,000, in 4 MiB. */
const blobsBytesAtMost = 4 * 1024 * 1024;

function createBlobCache(
  connection: SqliteConnection,
  cacheInvalidation: CacheInvalidation,
): (repository: RepositoryName, digest: Digest) => LinkedBlob | undefined {
  const statement = connection.prepare(
    `SELECT blobs.digest AS digest, blobs.size_bytes AS sizeBytes, blobs.storage_key AS storageKey,
            blob_links.leased_until AS leasedUntilMs
     FROM repositories JOIN blob_links ON blob_links.repository_id = repositories.id
          JOIN blobs ON blobs.id = blob_links.blob_id
     WHERE repositories.name = ? AND blobs.digest = ? AND blobs.state <> 'deleting' AND blobs.state = 'live'`,
  );
  const current = createVersionedCache<LinkedBlob>({
    maxBytes: blobsBytesAtMost,
    sizeOf: ({ digest, storageKey }) => factsBytes + stringBytes(digest + storageKey),
  });

  return (repository, digest) => {
    const rows = current(cacheInvalidation.version());
    const key = `${repository} ${digest}`;
    const held = rows.get(key);
    if (held !== undefined) return held;
    const found = statement.get(repository, digest) as LinkedBlob | undefined;
    if (found !== undefined) rows.set(key, found);
    return found;
  };
}
