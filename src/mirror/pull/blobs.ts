import type { BlobStore, BorrowedBytes, ByteRange } from "../../../storage/blob-store.ts";
import type { Database } from "../../database/contract.ts";
import type { LinkedBlob } from "../../database/registry/blobs.ts";
import type { Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import type { Blobs } from "../../registry/blobs.ts";
import type { Eviction } from "../cache/eviction.ts";
import type { NegativeCache } from "../cache/negative-cache.ts";
import type { Counters } from "../counters.ts";
import {
  admitAll,
  type AdmitMiss,
  type CacheStatus,
  type MirrorRepository,
} from "../repository.ts";
import type { Upstream } from "../upstream/client.ts";
import { clientError } from "../upstream/failure.ts";
import type { Download, Downloads } from "./downloads.ts";
import type { EventLoopScheduler } from "./event-loop-scheduler.ts";
import { readPartialBlob, type PartialBlob } from "./partial-blob.ts";
import { headSize } from "./sources.ts";
import type { WriteBehind } from "./write-behind.ts";

/** A blob that the mirror can serve: cached, or a partial blob whose download runs. */
interface MirroredBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly status: CacheStatus;
  open(range: ByteRange): Promise<BorrowedBytes>;
}

interface MirrorBlobsParts {
  readonly store: BlobStore;
  readonly database: Pick<Database, "blobs" | "mirrorReferences">;
  readonly blobs: Pick<Blobs, "open">;
  readonly writeBehind: Pick<WriteBehind, "settled">;
  readonly downloads: Downloads;
  readonly upstream: Upstream;
  readonly negativeCache: NegativeCache;
  readonly eviction: Eviction;
  readonly counters: Counters;
  readonly scheduler: Pick<EventLoopScheduler, "yieldIfBusy">;
  /** When a client pulls a layer, the mirror also downloads this many of the layers after it. 0: none. */
  readonly prefetch: number;
}

/** Serves the blobs of one mirror, from the cache or from the upstream. */
export class MirrorBlobs {
  readonly #parts: MirrorBlobsParts;

  constructor(parts: MirrorBlobsParts) {
    this.#parts = parts;
  }

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
    const here = await this.#find(mirrorRepository, digest);
    if (here !== undefined) return this.#cached(here);
    return await this.#asking(mirrorRepository, digest, async () => {
      const download = await this.#parts.downloads.get(mirrorRepository, digest, admitMiss);
      if (download.kind === "stored") return this.#cached(download.blob);
      this.#parts.counters.add("misses");
      const leave = download.join();
      if (left.aborted) leave();
      else left.addEventListener("abort", leave, { once: true });
      return await this.#coming(mirrorRepository, digest, download);
    });
  }

  /**
   * Starts to download a blob that a client probably requests next, if `mirrors[].prefetch` is above 0. Never throws.
   */
  prefetch(mirrorRepository: MirrorRepository, digest: Digest): void {
    if (this.#parts.prefetch > 0) void this.#prefetch(mirrorRepository, digest);
  }

  /** Downloads the blob if it is not cached, and resolves when it is stored. Throws the errors of {@link get}. */
  async fetch(mirrorRepository: MirrorRepository, digest: Digest): Promise<void> {
    if ((await this.#find(mirrorRepository, digest)) !== undefined) return;
    await this.#asking(mirrorRepository, digest, async () => {
      const download = await this.#parts.downloads.get(mirrorRepository, digest, admitAll);
      if (download.kind === "stored") return;
      this.#parts.counters.add("misses");
      const leave = download.join();
      await download.done().finally(leave);
    });
  }

  /**
   * Returns digest, size and status without a download: at most one HEAD to the upstream. Throws like {@link get}.
   */
  async head(
    mirrorRepository: MirrorRepository,
    digest: Digest,
    admitMiss: AdmitMiss,
  ): Promise<MirroredBlob> {
    const { downloads, upstream, counters } = this.#parts;
    const here = await this.#find(mirrorRepository, digest);
    if (here !== undefined) return this.#cached(here);
    return await this.#asking(mirrorRepository, digest, async () => {
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
  }

  #find({ repository }: MirrorRepository, digest: Digest): Promise<LinkedBlob | undefined> {
    return this.#parts.database.blobs.find(repository, digest);
  }

  #cached(blob: LinkedBlob): MirroredBlob {
    const { blobs, counters, eviction } = this.#parts;
    const { digest, sizeBytes } = blob;
    counters.add("hits");
    eviction.used(digest);
    return {
      digest,
      sizeBytes,
      status: { kind: "hit" },
      open: async (range) =>
        this.#counted(eviction.holdWhileRead(digest, await blobs.open(blob, range))),
    };
  }

  async #coming(
    mirrorRepository: MirrorRepository,
    digest: Digest,
    { partialBlob, collapsed, sized, done }: Extract<Download, { kind: "running" }>,
  ): Promise<MirroredBlob> {
    const { store, eviction, scheduler, prefetch } = this.#parts;
    if (!collapsed && prefetch > 0)
      this.#prefetchNext(mirrorRepository, digest, partialBlob).catch(() => undefined);
    const sizeBytes = await sized();
    // An empty blob has no last byte to hold back, so the response waits for the verification.
    if (sizeBytes === 0) await done();
    const open = (range: ByteRange): BorrowedBytes => {
      const bytes = readPartialBlob(store, partialBlob, range, scheduler);
      return withClientErrors(this.#counted(eviction.holdWhileRead(digest, bytes)), digest);
    };
    return {
      digest,
      sizeBytes,
      status: { kind: "miss", collapsed },
      open: (range) => Promise.resolve(open(range)),
    };
  }

  /** Runs work that asks the upstream for a blob, with the negative cache and the errors for clients. */
  #asking<T>({ repository }: MirrorRepository, digest: Digest, work: () => Promise<T>): Promise<T> {
    const key = `${repository}@${digest}`;
    return this.#parts.negativeCache.through(key, () => unknownBlob(digest), work);
  }

  async *#counted(bytes: BorrowedBytes): BorrowedBytes {
    const { counters } = this.#parts;
    for await (const chunk of bytes) {
      counters.add("bytesServed", chunk.length);
      yield chunk;
    }
  }

  /**
   * Prefetches the next layers of the image after the first byte of this one, for clients that pull layers one after
   * another.
   */
  async #prefetchNext(
    mirrorRepository: MirrorRepository,
    digest: Digest,
    partialBlob: PartialBlob,
  ): Promise<void> {
    const { writeBehind, database, prefetch } = this.#parts;
    const { repository } = mirrorRepository;
    await partialBlob.until(0);
    await writeBehind.settled(repository);
    const layers = await database.mirrorReferences.layersBehind(repository, digest, prefetch);
    for (const layer of layers) void this.#prefetch(mirrorRepository, layer);
  }

  /** Downloads a blob before a client requests it. Ignores errors: the client's request repeats the download. */
  async #prefetch(mirrorRepository: MirrorRepository, digest: Digest): Promise<void> {
    try {
      if ((await this.#find(mirrorRepository, digest)) !== undefined) return;
      const download = await this.#parts.downloads.get(mirrorRepository, digest, admitAll);
      if (download.kind !== "running") return;
      // Leave when the size is known: without readers, the download continues only if the mirror can keep the blob.
      const leave = download.join();
      download.sized().then(leave, leave);
      await download.done();
    } catch {}
  }
}

/** Converts upstream failures: before the first byte is sent, the client can still receive an error response. */
async function* withClientErrors(bytes: BorrowedBytes, digest: Digest): BorrowedBytes {
  try {
    yield* bytes;
  } catch (error) {
    throw clientError(error, () => unknownBlob(digest));
  }
}

const unknownBlob = (digest: Digest): OciError =>
  new OciError("BLOB_UNKNOWN", undefined, { detail: { digest } });
