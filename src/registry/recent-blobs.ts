import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/name.ts";

const largestBytes = 64 * 1024;
const budgetBytes = 4 * 1024 * 1024;

/** Small blobs that were just pushed: the manifest that follows wants to look into its config, which need not be read back. */
export interface RecentBlobs {
  keep(repository: RepositoryName, digest: Digest, bytes: Uint8Array): void;
  find(repository: RepositoryName, digest: Digest): Uint8Array | undefined;
}

export function createRecentBlobs(): RecentBlobs {
  const held = new Map<string, Uint8Array>();
  let heldBytes = 0;
  const forget = (key: string): void => {
    heldBytes -= held.get(key)?.length ?? 0;
    held.delete(key);
  };

  return {
    keep(repository, digest, bytes) {
      if (bytes.length > largestBytes) return;
      const key = `${repository} ${digest}`;
      forget(key);
      // A copy: these bytes are a part of whatever the connection received with them.
      held.set(key, Uint8Array.from(bytes));
      heldBytes += bytes.length;
      for (const oldest of held.keys()) {
        if (heldBytes <= budgetBytes) break;
        forget(oldest);
      }
    },
    find: (repository, digest) => held.get(`${repository} ${digest}`),
  };
}
