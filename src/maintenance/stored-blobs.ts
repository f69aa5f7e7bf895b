import { largestRepositoriesAtMost } from "../api/limits.ts";
import { createYieldingWork, type YieldingWork } from "../concurrency/yielding-work.ts";
import type { Database } from "../database/contract.ts";
import type { RepositoryName } from "../oci/name.ts";

export interface BlobSum {
  readonly blobs: number;
  readonly bytes: number;
}

/** What the blobs of a server take, and whose they are. */
export interface StoredBlobs extends BlobSum {
  /** The repositories with the most bytes that no other repository links, the largest first. */
  readonly largest: readonly { readonly name: RepositoryName; readonly uniqueBytes: number }[];
  /** Live blobs that no manifest names, and that the collector has still to check. */
  readonly unreferenced: BlobSum & {
    /** Only the first 10,000 GC candidates were checked. */
    readonly more: boolean;
  };
}

const blobsAtOnce = 2_000;
const candidatesAtOnce = 100;
const candidatesAtMost = 10_000;

type Reads = Pick<Database, "maintenance" | "storedBlobs">;

/** Adds up the blobs in steps, between which requests run. */
export async function measureStoredBlobs(database: Reads): Promise<StoredBlobs> {
  const work = createYieldingWork(() => false);
  const unique = new Map<number, number>();
  let [blobs, bytes] = [0, 0];
  for (let after = 0; ;) {
    await work.step();
    const page = await database.maintenance.sums({ after, limit: blobsAtOnce });
    if (page.last === null) break;
    blobs += page.blobs;
    bytes += page.bytes;
    await work.step();
    for (const one of await database.storedBlobs.unique({ after, until: page.last }))
      unique.set(one.repositoryId, (unique.get(one.repositoryId) ?? 0) + one.bytes);
    after = page.last;
  }
  return {
    ...{ blobs, bytes },
    largest: await largestOf(database, unique),
    unreferenced: await sumUnreferenced(database, work),
  };
}

async function largestOf(
  { storedBlobs }: Pick<Reads, "storedBlobs">,
  unique: ReadonlyMap<number, number>,
): Promise<StoredBlobs["largest"]> {
  const largest = [...unique].toSorted(([, a], [, b]) => b - a).slice(0, largestRepositoriesAtMost);
  const names = await storedBlobs.namesOf(largest.map(([id]) => id));
  return largest.flatMap(([id, uniqueBytes]) => {
    const name = names.get(id);
    return name === undefined ? [] : [{ name, uniqueBytes }];
  });
}

async function sumUnreferenced(
  { storedBlobs }: Pick<Reads, "storedBlobs">,
  work: YieldingWork,
): Promise<StoredBlobs["unreferenced"]> {
  const sizes = new Map<number, number>();
  let after = { repositoryId: 0, blobId: 0 };
  let more = false;
  for (let checked = 0; ; checked += candidatesAtOnce) {
    await work.step();
    const page = await storedBlobs.candidates({ after, limit: candidatesAtOnce });
    for (const { blobId, sizeBytes, isNamed } of page)
      if (isNamed === 0) sizes.set(blobId, sizeBytes);
    const last = page.at(-1);
    if (last === undefined || page.length < candidatesAtOnce) break;
    if (checked + page.length >= candidatesAtMost) {
      more = true;
      break;
    }
    after = last;
  }
  const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  return { blobs: sizes.size, bytes, more };
}
