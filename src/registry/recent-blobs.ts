import { createByteCache } from "../concurrency/byte-cache.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/name.ts";

const largestBytes = 64 * 1024;
/** Bytes of all kept blobs with their keys; the least recently used go first. Content of a digest never changes. */
const bytesAtMost = 4 * 1024 * 1024;

/** Small blobs that were just pushed: the manifest that follows wants to look into its config, which need not be read back. */
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
      // A copy: these bytes are a part of whatever the connection received with them.
      held.set(`${repository} ${digest}`, Uint8Array.from(bytes));
    },
    find: (repository, digest) => held.get(`${repository} ${digest}`),
  };
}
