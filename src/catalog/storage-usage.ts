import type { VisibilityFilter } from "../auth/visibility.ts";
import type { Database } from "../database/database.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";

/** Bytes of distinct blobs, as they are stored. */
export interface StorageUsage {
  readonly bytes: number;
  /** Of those that another repository shows too; in a namespace: several of its repositories. */
  readonly sharedBytes: number;
  /** Of those that only one shows. */
  readonly uniqueBytes: number;
}

export type StorageUsageReports = ReturnType<typeof createStorageUsageReports>;

/** Of each blob up to 1,000 other repositories are looked at. */
const blobsAtOnce = 50;
const namesAtOnce = 500;
/** Distinct blobs of a namespace that are held in memory while they are added up, about 100 bytes each. */
const blobsAtMost = 500_000;

/** Other repositories count as far as the viewer may read them: what they may not, no sum tells them of. */
export function createStorageUsageReports(parts: {
  readonly database: Pick<Database, "catalog" | "repositoryDetails" | "storageUsage">;
}) {
  const { database } = parts;

  async function* blobsOf(
    repositoryId: number,
    visibility: VisibilityFilter | undefined,
    work: YieldingWork,
  ) {
    for (let last = 0; ;) {
      await work.step();
      const blobs = await database.storageUsage.blobsOf(repositoryId, visibility, {
        ...{ last, limit: blobsAtOnce },
      });
      yield* blobs;
      if (blobs.length < blobsAtOnce) return;
      last = blobs.at(-1)?.blobId ?? last;
    }
  }

  /** Names of a namespace that the viewer may read, in order. */
  async function* namesIn(
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

  return {
    async ofRepository(
      repositoryId: number,
      visibility: VisibilityFilter,
      work: YieldingWork,
    ): Promise<StorageUsage> {
      let [bytes, sharedBytes] = [0, 0];
      for await (const { sizeBytes, isShared } of blobsOf(repositoryId, visibility, work)) {
        bytes += sizeBytes;
        if (isShared) sharedBytes += sizeBytes;
      }
      return { bytes, sharedBytes, uniqueBytes: bytes - sharedBytes };
    },

    /**
     * What the viewer may read of it; shared here is what several of its repositories show. Throws UNSUPPORTED (422) for
     * a namespace with more than 500,000 blobs.
     */
    async ofNamespace(
      namespace: string,
      visibility: VisibilityFilter,
      work: YieldingWork,
    ): Promise<StorageUsage & { readonly repositories: number }> {
      const uses = new Map<number, { readonly sizeBytes: number; count: number }>();
      let repositories = 0;
      for await (const name of namesIn(namespace, visibility)) {
        const [home] = await database.repositoryDetails.find([name], { fullTexts: false });
        if (home === undefined) continue;
        repositories += 1;
        for await (const { blobId, sizeBytes } of blobsOf(home.id, undefined, work)) {
          const use = uses.get(blobId);
          if (use !== undefined) use.count += 1;
          else if (uses.size < blobsAtMost) uses.set(blobId, { sizeBytes, count: 1 });
          else
            throw new OciError("UNSUPPORTED", `more than ${blobsAtMost} blobs are not added up`, {
              status: 422,
            });
        }
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
