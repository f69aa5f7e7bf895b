import type { BlobStore, ByteRange, BorrowedBytes } from "../../../storage/blob-store.ts";
import type { LinkedBlob } from "../../database/registry/blobs.ts";
import type { Database } from "../../database/database.ts";
import type { Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import type { Blobs } from "../../registry/blobs.ts";
import type { Downloads } from "./downloads.ts";
import type { Counters } from "../counters.ts";
import { clientError, saysAbsent, UpstreamFailure } from "../upstream/failure.ts";
import { readPartialBlob, type PartialBlob } from "./partial-blob.ts";
import type { NegativeCache } from "../cache/negative-cache.ts";
import type { EventLoopScheduler } from "./event-loop-scheduler.ts";
import {
  admitAll,
  type AdmitMiss,
  type CacheStatus,
  type MirrorRepository,
} from "../repository.ts";
import type { WriteBehind } from "./write-behind.ts";
import type { Upstream } from "../upstream/client.ts";
import { oneOf } from "../upstream/connection.ts";
import type { Uses } from "../cache/uses.ts";

/** A blob that can be served, whether it is here or on its way. */
export interface MirroredBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly status: CacheStatus;
  open(range: ByteRange): Promise<BorrowedBytes>;
}

export type MirrorBlobs = ReturnType<typeof createMirrorBlobs>;

export function createMirrorBlobs(parts: {
  readonly store: BlobStore;
  readonly database: Pick<Database, "blobs" | "mirrorTags">;
  readonly blobs: Pick<Blobs, "open">;
  readonly writeBehind: Pick<WriteBehind, "settled">;
  readonly downloads: Downloads;
  readonly upstream: Upstream;
  readonly negativeCache: NegativeCache;
  readonly missingTtlMs: number;
  /** So many layers behind one that is pulled come with it. */
  readonly prefetch: number;
  readonly uses: Uses;
  readonly counters: Counters;
  readonly scheduler: Pick<EventLoopScheduler, "yieldIfBusy">;
}) {
  const { store, database, blobs, downloads, upstream, negativeCache, uses, counters } = parts;

  const cached = (blob: LinkedBlob): MirroredBlob => {
    counters.add("hits");
    uses.used(blob.digest);
    return {
      digest: blob.digest,
      sizeBytes: blob.sizeBytes,
      status: { kind: "hit" },
      open: async (range) => counted(uses.hold(blob.digest, await blobs.open(blob, range))),
    };
  };

  /** Nobody has asked for it yet. That it can't come is told when somebody does. */
  const prefetch = async (mirrorRepository: MirrorRepository, digest: Digest): Promise<void> => {
    try {
      if ((await database.blobs.find(mirrorRepository.repository, digest)) !== undefined) return;
      const download = await downloads.get(mirrorRepository, digest, admitAll);
      if (download.kind !== "coming") return;
      // What is fetched ahead must be worth keeping by itself.
      const leave = download.join();
      download.sized().then(leave, leave);
      await download.done();
    } catch {}
  };

  /** Clients that take one layer after the other find the next ones under way, once the first byte of this one is. */
  const prefetchNext = async (
    mirrorRepository: MirrorRepository,
    digest: Digest,
    partialBlob: PartialBlob,
  ): Promise<void> => {
    const { repository } = mirrorRepository;
    await partialBlob.until(0);
    await parts.writeBehind.settled(repository);
    const behind = await database.mirrorTags.layersBehind(repository, digest, parts.prefetch);
    for (const layer of behind) void prefetch(mirrorRepository, layer);
  };

  async function* counted(bytes: BorrowedBytes): BorrowedBytes {
    for await (const chunk of bytes) {
      counters.add("bytesServed", chunk.length);
      yield chunk;
    }
  }

  /** Where nothing has gone out yet, the client can still be told what is wrong. */
  async function* told(bytes: BorrowedBytes, digest: Digest): BorrowedBytes {
    try {
      yield* bytes;
    } catch (error) {
      throw clientError(error, unknownBlob(digest));
    }
  }

  const asking = async <T>(
    { repository }: MirrorRepository,
    digest: Digest,
    work: () => Promise<T>,
  ): Promise<T> => {
    const key = `${repository}@${digest}`;
    const absent = unknownBlob(digest);
    if (negativeCache.has(key)) throw absent;
    try {
      return await work();
    } catch (error) {
      if (saysAbsent(error)) negativeCache.add(key, parts.missingTtlMs);
      throw clientError(error, absent);
    }
  };

  return {
    /**
     * The blob, from here or from the upstream, which is asked for it once however many want it. Throws BLOB_UNKNOWN only
     * where the upstream has said so.
     * @param left aborts when the client is gone: a blob that could not be kept is then no longer fetched
     */
    async get(
      mirrorRepository: MirrorRepository,
      digest: Digest,
      left: AbortSignal,
      admitMiss: AdmitMiss,
    ): Promise<MirroredBlob> {
      const here = await database.blobs.find(mirrorRepository.repository, digest);
      if (here !== undefined) return cached(here);
      return await asking(mirrorRepository, digest, async () => {
        const download = await downloads.get(mirrorRepository, digest, admitMiss);
        if (download.kind === "here") return cached(download.blob);
        const { partialBlob, collapsed } = download;
        counters.add("misses");
        const leave = download.join();
        if (left.aborted) leave();
        else left.addEventListener("abort", leave, { once: true });
        if (!collapsed && parts.prefetch > 0)
          prefetchNext(mirrorRepository, digest, partialBlob).catch(() => undefined);
        const sizeBytes = await download.sized();
        // No byte is held back of a blob that has none: it is told when it is verified.
        if (sizeBytes === 0) await download.done();
        return {
          digest,
          sizeBytes,
          status: { kind: "miss", collapsed },
          open: (range) =>
            Promise.resolve(
              told(
                counted(
                  uses.hold(digest, readPartialBlob(store, partialBlob, range, parts.scheduler)),
                ),
                digest,
              ),
            ),
        };
      });
    },

    /** Begins to bring a blob that is likely to be asked for, where a mirror brings such (`prefetch`). Never fails. */
    prefetch(mirrorRepository: MirrorRepository, digest: Digest): void {
      if (parts.prefetch > 0) void prefetch(mirrorRepository, digest);
    },

    /** Brings the blob here, if it is not. Throws as {@link get}. */
    async fetch(mirrorRepository: MirrorRepository, digest: Digest): Promise<void> {
      if ((await database.blobs.find(mirrorRepository.repository, digest)) !== undefined) return;
      await asking(mirrorRepository, digest, async () => {
        const download = await downloads.get(mirrorRepository, digest, admitAll);
        if (download.kind === "here") return;
        counters.add("misses");
        const leave = download.join();
        await download.done().finally(leave);
      });
    },

    /** What {@link get} would say of it, at the price of a HEAD. */
    async head(
      mirrorRepository: MirrorRepository,
      digest: Digest,
      admitMiss: AdmitMiss,
    ): Promise<MirroredBlob> {
      const here = await database.blobs.find(mirrorRepository.repository, digest);
      if (here !== undefined) return cached(here);
      return await asking(mirrorRepository, digest, async () => {
        const sizeBytes = await downloads.sizeOfRunning(mirrorRepository, digest);
        if (sizeBytes === undefined) admitMiss();
        counters.add("misses");
        return {
          digest,
          sizeBytes: sizeBytes ?? (await headSize(upstream, mirrorRepository, digest)),
          status: { kind: "miss" },
          open: () => Promise.reject(new TypeError("a HEAD has no body")),
        };
      });
    },
  };
}

function unknownBlob(digest: Digest): OciError {
  return new OciError("BLOB_UNKNOWN", undefined, { detail: { digest } });
}

/** The size of a blob as the upstream says. Throws {@link UpstreamFailure}. */
export async function headSize(
  upstream: Upstream,
  { name }: MirrorRepository,
  digest: Digest,
): Promise<number> {
  const answer = await upstream.ask({ method: "HEAD", name, path: `blobs/${digest}` });
  await answer.body.dump();
  const length = Number(oneOf(answer.headers["content-length"]) ?? Number.NaN);
  if (Number.isSafeInteger(length)) return length;
  throw new UpstreamFailure("serverError", "the upstream does not say how long the blob is");
}
