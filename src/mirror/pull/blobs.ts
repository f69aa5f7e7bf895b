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
import { integerOf } from "../upstream/responses.ts";
import type { Uses } from "../cache/uses.ts";

/** A blob that the mirror can serve: cached, or a partial blob whose download runs. */
export interface MirroredBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly status: CacheStatus;
  open(range: ByteRange): Promise<BorrowedBytes>;
}

export type MirrorBlobs = ReturnType<typeof createMirrorBlobs>;

export function createMirrorBlobs(parts: {
  readonly store: BlobStore;
  readonly database: Pick<Database, "blobs" | "mirrorReferences">;
  readonly blobs: Pick<Blobs, "open">;
  readonly writeBehind: Pick<WriteBehind, "settled">;
  readonly downloads: Downloads;
  readonly upstream: Upstream;
  readonly negativeCache: NegativeCache;
  readonly missingTtlMs: number;
  /** When a client pulls a layer, the mirror also downloads this many of the layers after it. 0: none. */
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

  /** Downloads a blob before a client requests it. Ignores errors: the client's request repeats the download. */
  const prefetch = async (mirrorRepository: MirrorRepository, digest: Digest): Promise<void> => {
    try {
      if ((await database.blobs.find(mirrorRepository.repository, digest)) !== undefined) return;
      const download = await downloads.get(mirrorRepository, digest, admitAll);
      if (download.kind !== "coming") return;
      // Leave when the size is known: without readers, the download continues only if the mirror can keep the blob.
      const leave = download.join();
      download.sized().then(leave, leave);
      await download.done();
    } catch {}
  };

  /**
   * Prefetches the next layers of the image after the first byte of this one, for clients that pull layers one after
   * another.
   */
  const prefetchNext = async (
    mirrorRepository: MirrorRepository,
    digest: Digest,
    partialBlob: PartialBlob,
  ): Promise<void> => {
    const { repository } = mirrorRepository;
    await partialBlob.until(0);
    await parts.writeBehind.settled(repository);
    const behind = await database.mirrorReferences.layersBehind(repository, digest, parts.prefetch);
    for (const layer of behind) void prefetch(mirrorRepository, layer);
  };

  async function* counted(bytes: BorrowedBytes): BorrowedBytes {
    for await (const chunk of bytes) {
      counters.add("bytesServed", chunk.length);
      yield chunk;
    }
  }

  /** Converts upstream failures: before the first byte is sent, the client can still receive an error response. */
  async function* told(bytes: BorrowedBytes, digest: Digest): BorrowedBytes {
    try {
      yield* bytes;
    } catch (error) {
      throw clientError(error, () => unknownBlob(digest));
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
      throw clientError(error, () => absent);
    }
  };

  return {
    /**
     * Returns the blob from the cache or from the upstream. Concurrent clients share one download. Throws BLOB_UNKNOWN
     * only if the upstream answered so (also from the negative cache), otherwise the error of `clientError`.
     * @param left aborts when the client disconnects; without readers, the download of a blob that does not fit stops
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
        // An empty blob has no last byte to hold back, so the response waits for the verification.
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

    /**
     * Starts to download a blob that a client probably requests next, if `mirrors[].prefetch` is above 0. Never throws.
     */
    prefetch(mirrorRepository: MirrorRepository, digest: Digest): void {
      if (parts.prefetch > 0) void prefetch(mirrorRepository, digest);
    },

    /** Downloads the blob if it is not cached, and resolves when it is stored. Throws the errors of {@link get}. */
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

    /**
     * Returns digest, size and status without a download: at most one HEAD to the upstream. Throws like {@link get}.
     */
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

/** Returns the size of a blob in bytes from a HEAD to the upstream. Throws {@link UpstreamFailure}. */
export async function headSize(
  upstream: Upstream,
  { name }: MirrorRepository,
  digest: Digest,
): Promise<number> {
  const answer = await upstream.ask({ method: "HEAD", name, path: `blobs/${digest}` });
  await answer.body.dump();
  const sizeBytes = integerOf(answer, "content-length");
  if (sizeBytes !== undefined) return sizeBytes;
  throw new UpstreamFailure("serverError", "the upstream does not send the size of the blob");
}
