import { setImmediate } from "node:timers/promises";
import type { Viewer } from "../auth/catalog.ts";
import type { Metadata } from "../metadata/metadata.ts";
import type { RepositoryName } from "../oci/name.ts";

/** Bytes of distinct blobs, as they are stored. */
export interface Sizes {
  readonly bytes: number;
  /** Of those that another repository shows too; in a namespace: several of its repositories. */
  readonly sharedBytes: number;
  /** Of those that only one shows. */
  readonly uniqueBytes: number;
}

export type SizeReports = ReturnType<typeof createSizeReports>;

/** Between two of these the event loop has its turn. */
const blobsAtOnce = 1_000;
const namesAtOnce = 500;

/** Other repositories count as far as the viewer may read them: what they may not, no sum tells them of. */
export function createSizeReports(parts: {
  readonly metadata: Pick<Metadata, "catalog" | "repositoryDetails" | "sizes">;
}) {
  const { metadata } = parts;

  async function* blobsOf(repositoryId: number, viewer: Viewer) {
    for (let last = 0; ;) {
      const blobs = await metadata.sizes.blobsOf(repositoryId, viewer, {
        ...{ last, limit: blobsAtOnce },
      });
      yield* blobs;
      if (blobs.length < blobsAtOnce) return;
      last = blobs.at(-1)?.blobId ?? last;
      await setImmediate();
    }
  }

  /** Names of a namespace that the viewer may read, in order. */
  async function* namesIn(namespace: string, viewer: Viewer): AsyncGenerator<RepositoryName> {
    const prefix = `${namespace}/`;
    for (let last = prefix; ;) {
      const { items, more } = await metadata.catalog.list(viewer, { last, limit: namesAtOnce });
      for (const name of items) {
        if (!name.startsWith(prefix)) return;
        yield name;
      }
      if (!more) return;
      last = items.at(-1) ?? last;
    }
  }

  return {
    async ofRepository(repositoryId: number, viewer: Viewer): Promise<Sizes> {
      let [bytes, sharedBytes] = [0, 0];
      for await (const { sizeBytes, isShared } of blobsOf(repositoryId, viewer)) {
        bytes += sizeBytes;
        if (isShared) sharedBytes += sizeBytes;
      }
      return { bytes, sharedBytes, uniqueBytes: bytes - sharedBytes };
    },

    /** What the viewer may read of it; shared here is what several of its repositories show. */
    async ofNamespace(
      namespace: string,
      viewer: Viewer,
    ): Promise<Sizes & { readonly repositories: number }> {
      const uses = new Map<number, { readonly sizeBytes: number; count: number }>();
      let repositories = 0;
      for await (const name of namesIn(namespace, viewer)) {
        const [home] = await metadata.repositoryDetails.find([name], { fullTexts: false });
        if (home === undefined) continue;
        repositories += 1;
        for await (const { blobId, sizeBytes } of blobsOf(home.id, { kind: "public" })) {
          const use = uses.get(blobId);
          if (use === undefined) uses.set(blobId, { sizeBytes, count: 1 });
          else use.count += 1;
        }
        await setImmediate();
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
