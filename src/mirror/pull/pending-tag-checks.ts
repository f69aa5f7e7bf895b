import { createByteCache, entryOverheadBytes } from "../../concurrency/byte-cache.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";

/** Tags of which a HEAD has said where they point, before that manifest is here. */
export interface PendingTagChecks {
  add(repository: RepositoryName, digest: Digest, tag: Tag): void;
  /** Those that point at a manifest that has come now; they are forgotten. */
  take(repository: RepositoryName, digest: Digest): readonly Tag[];
}

/** A client that wants the manifest asks for it at once; what a tag was longer ago may not be true any more. */
const goodForMs = 60_000;
/** Bytes of all awaited tags; the manifests that were asked for the longest time ago go first. */
const bytesAtMost = 8 * 1024 * 1024;
/** Tags of one manifest; the oldest go first. */
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
