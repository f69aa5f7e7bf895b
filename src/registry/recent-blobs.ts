import { createByteCache } from "../concurrency/byte-cache.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/name.ts";

const largestBytes = 64 * 1024;
/**
 * The limit for all cached blobs and their keys; the least recently used are dropped first. The content of a digest
 * never changes.
 */
const bytesAtMost = 4 * 1024 * 1024;

/** Caches small blobs after a push, so that the push of the manifest need not read its config from the store. */
export interface RecentBlobs {
  keep(repository: RepositoryName, digest: Digest, bytes: Uint8Array): void;
  find(repository: RepositoryName, digest: Digest): Uint8Array | undefined;
}

export function createRecentBlobs(): RecentBlobs {
  const held = createByteCache<Uint8Array>({
    maxBytes: bytesAtMost,
    sizeOf: (bytes) => bytes.length,
  });
  return {
    keep(repository, digest, bytes) {
      if (bytes.length > largestBytes) return;
      // Copy the bytes: they are a slice of a larger receive buffer of the connection.
      held.set(`${repository} ${digest}`, Uint8Array.from(bytes));
    },
    find: (repository, digest) => held.get(`${repository} ${digest}`),
  };
}
