import { evictedNextAtMost } from "../../api/limits.ts";
import { createCostlyValues } from "../../concurrency/costly-value.ts";
import { createYieldingWork } from "../../concurrency/yielding-work.ts";
import type { Database } from "../../database/contract.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";

/** A blob that eviction would delete. */
export interface EvictableBlob {
  readonly id: number;
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** One of the repositories that link it. */
  readonly repository: RepositoryName;
  readonly usedAtMs: number;
}

/** The blobs of a mirror that no other namespace links. */
export interface CacheContents {
  readonly blobs: number;
  readonly bytes: number;
  /** Those that are evicted next, the first one first. */
  readonly evictedNext: readonly EvictableBlob[];
}

type CountedDatabase = Pick<Database, "mirrorUses" | "repositories">;

const repositoriesAtOnce = 100;
const blobsAtOnce = 100;

/** Counts the blobs of mirrors, in steps between which requests run. A count reads every blob. */
export function createCacheCounter(database: CountedDatabase) {
  const counts = createCostlyValues<CacheContents>();
  return (namespace: string): Promise<CacheContents> =>
    counts(namespace, () => count(database, namespace));
}

async function count(database: CountedDatabase, namespace: string): Promise<CacheContents> {
  const pinned = await database.mirrorUses.pinnedDigests(namespace);
  const seen = new Set<number>();
  let bytes = 0;
  let next: EvictableBlob[] = [];
  const inOrder = (): EvictableBlob[] =>
    next.toSorted((a, b) => a.usedAtMs - b.usedAtMs || a.id - b.id).slice(0, evictedNextAtMost);
  for await (const blob of blobsOf(database, namespace)) {
    if (blob.isShared === 1 || seen.has(blob.id)) continue;
    seen.add(blob.id);
    bytes += blob.sizeBytes;
    if (!pinned.has(blob.digest)) next.push(blob);
    if (next.length > 1_000) next = inOrder();
  }
  return { blobs: seen.size, bytes, evictedNext: inOrder() };
}

async function* blobsOf(database: CountedDatabase, namespace: string) {
  const work = createYieldingWork(() => false);
  for (let lastName = ""; ;) {
    const page = { last: lastName, limit: repositoriesAtOnce };
    const repositories = await database.repositories.ofNamespace(namespace, page);
    for (const { id: repositoryId, name: repository } of repositories) {
      for (let last = 0; ;) {
        await work.step();
        const range = { last, limit: blobsAtOnce };
        const blobs = await database.mirrorUses.cachedBlobs({ namespace, repositoryId }, range);
        for (const blob of blobs) yield { ...blob, repository };
        if (blobs.length < blobsAtOnce) break;
        last = blobs.at(-1)?.id ?? last;
      }
    }
    if (repositories.length < repositoriesAtOnce) return;
    lastName = repositories.at(-1)?.name ?? lastName;
  }
}
