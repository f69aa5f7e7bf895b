import { createByteCache, entryOverheadBytes } from "../../concurrency/byte-cache.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";

/** Tags whose target a HEAD has returned, but whose manifest is not cached yet. */
export interface PendingTagChecks {
  add(repository: RepositoryName, digest: Digest, tag: Tag): void;
  /** Removes and returns the tags that point at a manifest, after it arrived. */
  take(repository: RepositoryName, digest: Digest): readonly Tag[];
}

/** A client requests the manifest right after its HEAD. An older result may be outdated. */
const goodForMs = 60_000;
/** Bytes of all pending tag checks; the least recently used manifest is evicted first. */
const bytesAtMost = 8 * 1024 * 1024;
/** Tags of one manifest; the oldest one is evicted first. */
const tagsAtMost = 100;

export function createPendingTagChecks(clock: () => number): PendingTagChecks {
  const byManifest = createByteCache<ReadonlyMap<Tag, number>>({
    maxBytes: bytesAtMost,
    sizeOf: (tags) => tags.size * entryOverheadBytes,
  });
  return {
    add(repository, digest, tag) {
      const key = `${repository}@${digest}`;
      const before = [...(byManifest.get(key) ?? [])].filter(([other]) => other !== tag);
      byManifest.set(key, new Map([...before.slice(1 - tagsAtMost), [tag, clock()]]));
    },
    take(repository, digest) {
      const key = `${repository}@${digest}`;
      const tags = [...(byManifest.get(key) ?? [])];
      byManifest.delete(key);
      return tags.flatMap(([tag, atMs]) => (atMs + goodForMs > clock() ? [tag] : []));
    },
  };
}
