import type { Database as SqliteConnection } from "better-sqlite3";
import { createVersionedCache } from "../../concurrency/byte-cache.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Reference } from "../../oci/reference.ts";
import type { StoredManifest } from "../registry/manifests.ts";
import type { CacheInvalidation } from "./cache-invalidation.ts";

/** Cache of manifests: no query while the database has not changed. */
export interface ManifestCache {
  /** As `manifests.find`, synchronously. */
  find(repository: RepositoryName, reference: Reference): StoredManifest | undefined;
}

/**
 * Bytes of all cached rows and keys, 32 MiB: the least recently used is dropped first; a commit of any connection
 * clears it.
 */
const bytesAtMost = 32 * 1024 * 1024;

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
    maxBytes: bytesAtMost,
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
