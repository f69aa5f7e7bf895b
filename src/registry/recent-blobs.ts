import { createByteCache } from "../concurrency/bounded-cache.ts";
import type { Digest } from "../oci/digest.ts";

/** The largest blob that stays in memory. Configs of images have a few KiB. */
export const recentBytes = 64 * 1024;
/**
 * The limit for all cached blobs and their keys; the least recently used are dropped first. The content of a digest
 * never changes, so nothing invalidates it: a caller asks the database first whether a client may still read the blob.
 */
const allRecentBytes = 8 * 1024 * 1024;

/**
 * Caches small blobs after a push or a pull: the push of a manifest reads its config, and each pull of an image begins
 * with it. A read from a file system is three calls into the thread pool, and from S3 a request.
 */
export interface RecentBlobs {
  /** Keeps a copy of bytes that have this digest. */
  keep(digest: Digest, bytes: Uint8Array): void;
  find(digest: Digest): Uint8Array | undefined;
}

export function createRecentBlobs(): RecentBlobs {
  const cache = createByteCache<Uint8Array>({
    maxBytes: allRecentBytes,
    sizeOf: (bytes) => bytes.length,
  });
  return {
    keep(digest, bytes) {
      if (bytes.length > recentBytes) return;
      // Copy the bytes: they are a slice of a larger receive buffer of the connection.
      cache.set(digest, Uint8Array.from(bytes));
    },
    find: (digest) => cache.get(digest),
  };
}
