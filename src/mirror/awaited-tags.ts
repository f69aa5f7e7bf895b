import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Tag } from "../oci/reference.ts";

/** Tags of which a HEAD has said where they point, before that manifest is here. */
export interface AwaitedTags {
  add(repository: RepositoryName, digest: Digest, tag: Tag): void;
  /** Those that point at a manifest that has come now; they are forgotten. */
  take(repository: RepositoryName, digest: Digest): readonly Tag[];
}

/** A client that wants the manifest asks for it at once; what a tag was longer ago may not be true any more. */
const goodForMs = 60_000;
const manifestsAtMost = 10_000;

export function createAwaitedTags(clock: () => number): AwaitedTags {
  const byManifest = new Map<string, Map<Tag, number>>();
  return {
    add(repository, digest, tag) {
      if (byManifest.size >= manifestsAtMost) byManifest.clear();
      const key = `${repository}@${digest}`;
      byManifest.set(key, (byManifest.get(key) ?? new Map<Tag, number>()).set(tag, clock()));
    },
    take(repository, digest) {
      const key = `${repository}@${digest}`;
      const tags = [...(byManifest.get(key) ?? [])];
      byManifest.delete(key);
      return tags.flatMap(([tag, atMs]) => (atMs + goodForMs > clock() ? [tag] : []));
    },
  };
}
