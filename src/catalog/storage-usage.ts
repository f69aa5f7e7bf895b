import type { VisibilityFilter } from "../auth/visibility.ts";
import type { Database } from "../database/contract.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";

/** Stored bytes of distinct blobs. */
export interface StorageUsage {
  readonly bytes: number;
  /**
   * Bytes of blobs that another visible repository links too; for a namespace: that several of its repositories link.
   */
  readonly sharedBytes: number;
  /** Bytes of blobs that only one repository links. */
  readonly uniqueBytes: number;
}

interface BlobSize {
  readonly blobId: number;
  readonly sizeBytes: number;
}

export type StorageUsageReports = ReturnType<typeof createStorageUsageReports>;

/** Blobs per query. For each blob the query reads up to 1,000 other repositories. */
const blobsAtOnce = 50;
const namesAtOnce = 500;
/** Repositories whose links are read together, unless they have more links: 10,000 take 10 ms. */
const repositoriesAtOnce = 100;
const linksAtMost = 10_000;
/** Distinct blobs of a namespace that are in memory during the sum, about 100 bytes each. */
const blobsAtMost = 500_000;

/** Only repositories visible to the client count as sharing, so that no sum reveals a hidden repository. */
export function createStorageUsageReports(parts: {
  readonly database: Pick<Database, "catalog" | "repositoryDetails" | "storageUsage">;
}) {
  const { database } = parts;

  return {
    async ofRepository(
      repositoryId: number,
      visibility: VisibilityFilter,
      work: YieldingWork,
    ): Promise<StorageUsage> {
      let [bytes, sharedBytes] = [0, 0];
      const blobs = blobsOf(database, repositoryId, visibility, work);
      for await (const { sizeBytes, isShared } of blobs) {
        bytes += sizeBytes;
        if (isShared) sharedBytes += sizeBytes;
      }
      return { bytes, sharedBytes, uniqueBytes: bytes - sharedBytes };
    },

    /**
     * Sums the visible repositories of a namespace. `sharedBytes` counts blobs that several of these repositories link.
     * Throws UNSUPPORTED (422) for more than 500,000 distinct blobs.
     */
    async ofNamespace(
      namespace: string,
      visibility: VisibilityFilter,
      work: YieldingWork,
    ): Promise<StorageUsage & { readonly repositories: number }> {
      const uses = new Map<number, { readonly sizeBytes: number; count: number }>();
      let repositories = 0;
      const add = ({ blobId, sizeBytes }: BlobSize, links: number): void => {
        const use = uses.get(blobId);
        if (use !== undefined) use.count += links;
        else if (uses.size < blobsAtMost) uses.set(blobId, { sizeBytes, count: links });
        else
          throw new OciError(
            "UNSUPPORTED",
            `there are more than ${blobsAtMost} blobs: request the sizes of smaller repositories`,
            { status: 422 },
          );
      };
      for await (const names of slicesIn(database, namespace, visibility)) {
        await work.step();
        const found = await database.repositoryDetails.find(names, { fullTexts: false });
        const ids = found.map(({ id }) => id);
        repositories += ids.length;
        await work.step();
        const linked = await database.storageUsage.linkedIn(ids, linksAtMost);
        for (const blob of linked ?? []) add(blob, blob.links);
        if (linked !== undefined) continue;
        for (const id of ids)
          for await (const blob of blobsOf(database, id, undefined, work)) add(blob, 1);
      }
      let [bytes, sharedBytes] = [0, 0];
      for (const { sizeBytes, count } of uses.values()) {
        bytes += sizeBytes;
        if (count > 1) sharedBytes += sizeBytes;
      }
      return { repositories, bytes, sharedBytes, uniqueBytes: bytes - sharedBytes };
    },
  };
}

/** Yields the visible repository names of a namespace, sorted, at most 100 at once. */
async function* slicesIn(
  database: Pick<Database, "catalog">,
  namespace: string,
  visibility: VisibilityFilter,
): AsyncGenerator<readonly RepositoryName[]> {
  let slice: RepositoryName[] = [];
  for await (const name of namesIn(database, namespace, visibility)) {
    slice.push(name);
    if (slice.length < repositoriesAtOnce) continue;
    yield slice;
    slice = [];
  }
  if (slice.length > 0) yield slice;
}

/** Yields the blobs of a repository; `visibility`: with whether another visible repository links them. */
async function* blobsOf(
  database: Pick<Database, "storageUsage">,
  repositoryId: number,
  visibility: VisibilityFilter | undefined,
  work: YieldingWork,
) {
  for (let last = 0; ;) {
    await work.step();
    const page = { last, limit: blobsAtOnce };
    const blobs = await database.storageUsage.blobsOf(repositoryId, visibility, page);
    yield* blobs;
    if (blobs.length < blobsAtOnce) return;
    last = blobs.at(-1)?.blobId ?? last;
  }
}

/** Yields the visible repository names of a namespace, sorted. */
export async function* namesIn(
  database: Pick<Database, "catalog">,
  namespace: string,
  visibility: VisibilityFilter,
): AsyncGenerator<RepositoryName> {
  const prefix = `${namespace}/`;
  for (let last = prefix; ;) {
    const { items, more } = await database.catalog.list(visibility, { last, limit: namesAtOnce });
    for (const name of items) {
      if (!name.startsWith(prefix)) return;
      yield name;
    }
    if (!more) return;
    last = items.at(-1) ?? last;
  }
}
