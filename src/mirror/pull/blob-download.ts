import { setTimeout as sleep } from "node:timers/promises";
import type { BlobStore, ByteSource } from "../../../storage/blob-store.ts";
import type { Digest } from "../../oci/digest.ts";
import { connectionFailure, UpstreamFailure, type UpstreamErrorKind } from "../upstream/failure.ts";
import { openRecentBytes, type PartialBlob } from "./partial-blob.ts";
import { ReceivedBlob } from "./received-blob.ts";
import type { OpenedSource } from "./sources.ts";

export interface BlobDownloadParts {
  readonly store: BlobStore;
  readonly digest: Digest;
  /** Size from a manifest; another size from the source is an error. */
  readonly expectedBytes: number | undefined;
  /** Size limit of a blob that no manifest names. */
  readonly unnamedBytesAtMost: number;
  /** Whether the blob fits into the cache: if so, the download completes even without readers. */
  readonly isWorthKeeping: () => boolean;
  readonly upload: string;
  /** The upload of an earlier, ended download, with the bytes that it received. */
  readonly before: string | undefined;
  readonly open: (start: number) => Promise<OpenedSource>;
  /** Records the blob, which is durable under `storageKey`. Resolves with the storage key for readers. */
  readonly record: (blob: {
    readonly storageKey: string;
    readonly sizeBytes: number;
  }) => Promise<string>;
  /** Counts bytes received from the upstream. */
  readonly count: (bytes: number) => void;
}

/** Bytes. Readers get older bytes from the store; if it cannot read open uploads, the window is 64 MB, not 4 MB. */
const [shortWindow, longWindow] = [4 * 1024 * 1024, 64 * 1024 * 1024];
const lingerMs = 2_000;
/** A cut transfer resumes at its offset, with at most 3 tries. A try that received 64 KB resets the count. */
const triesAtMost = 3;
const worthBytes = 64 * 1024;
const firstPauseMs = 100;
const retriedKinds: ReadonlySet<UpstreamErrorKind> = new Set([
  "connectionFailed",
  "timeout",
  "serverError",
  "rejected",
]);

/**
 * The download of one blob, shared by all its readers. It starts at once, and usually continues after its clients leave
 * (see {@link BlobDownload.join}).
 */
export class BlobDownload {
  /** Resolves with the storage key when the blob is stored; rejects if the download fails. */
  readonly done: Promise<string>;
  readonly #parts: BlobDownloadParts;
  readonly #blob: ReceivedBlob;
  #readers = 0;
  #isPaused = false;

  constructor(parts: BlobDownloadParts) {
    this.#parts = parts;
    const { readsOpenUploads } = parts.store.capabilities;
    const recentBytes = openRecentBytes(readsOpenUploads ? shortWindow : longWindow);
    this.#blob = new ReceivedBlob({ ...parts, recentBytes });
    this.done = this.#run();
    // Keep the window for 2 s, so that readers in the middle of it can continue.
    const linger = (): void => void setTimeout(() => recentBytes.close(), lingerMs).unref();
    this.done.then(linger, () => recentBytes.close());
  }

  get partialBlob(): PartialBlob {
    return this.#blob;
  }

  /** Its readers have the failure already. {@link done} rejects later, when its upload is deleted. */
  get hasFailed(): boolean {
    return this.#blob.failure !== undefined;
  }

  /** The size from the source, or from a manifest; `undefined`: it is unknown. */
  get knownBytes(): number | undefined {
    return this.#blob.knownBytes;
  }

  /** Resolves when the size is known; rejects if the download fails before. */
  get sized(): Promise<number> {
    return this.#blob.sized;
  }

  /**
   * Adds a reader. Call the result to remove it; further calls do nothing. When the last reader leaves, the download
   * stops if its size is unknown or if the running downloads do not fit into the cache.
   */
  join(): () => void {
    let isHere = true;
    this.#readers += 1;
    return () => {
      if (!isHere) return;
      isHere = false;
      this.#readers -= 1;
      if (this.#readers === 0) this.#lastReaderLeft();
    };
  }

  /** Fails the download with `reason`, for the readers too, and deletes the received bytes. */
  stop(reason: Error): void {
    this.#blob.fail(reason);
  }

  /** Like {@link stop}, but keeps the received bytes for another process. */
  pause(reason: Error): void {
    this.#isPaused = true;
    this.stop(reason);
  }

  #lastReaderLeft(): void {
    if (this.#blob.isVerified) return;
    if (this.#blob.knownBytes !== undefined && this.#parts.isWorthKeeping()) return;
    this.stop(new UpstreamFailure("connectionFailed", "no client reads the blob any more"));
  }

  async #run(): Promise<string> {
    const { store, upload, digest, record } = this.#parts;
    try {
      await this.#transfer();
      const storageKey = await store.commit(upload, digest);
      const recordedKey = await record({ storageKey, sizeBytes: this.#blob.receivedBytes });
      this.#blob.stored(recordedKey);
      return recordedKey;
    } catch (error) {
      this.#blob.fail(error);
      if (!this.#isPaused) await store.abort(upload).catch(() => undefined);
      throw error;
    }
  }

  /** Transfers all bytes to the upload. A cut transfer resumes; a source that never opened is not tried again. */
  async #transfer(): Promise<void> {
    const { before, expectedBytes, open } = this.#parts;
    const blob = this.#blob;
    if (before !== undefined) await this.#copyFrom(before);
    if (blob.receivedBytes > 0 && blob.receivedBytes === expectedBytes) return blob.verify();
    let hasOpened = blob.receivedBytes > 0;
    for (let tries = 1; ; tries += 1) {
      const start = blob.receivedBytes;
      try {
        const opened = await open(start);
        hasOpened = true;
        return await this.#append(opened);
      } catch (error) {
        if (blob.receivedBytes - start >= worthBytes) tries = 1;
        const mayPass = error instanceof UpstreamFailure && retriedKinds.has(error.kind);
        if (!mayPass || !hasOpened || tries >= triesAtMost || blob.failure !== undefined)
          throw error;
        await sleep(firstPauseMs * 2 ** tries);
      }
    }
  }

  /** Copies the bytes of an earlier upload to this one, and deletes the earlier one. */
  async #copyFrom(before: string): Promise<void> {
    const { store, upload } = this.#parts;
    await store.append(upload, 0, this.#readEarlier(before)).catch(() => undefined);
    await store.abort(before);
    if ((await store.uploadSize(upload)) !== this.#blob.receivedBytes)
      throw new Error("the bytes of the earlier download could not be copied");
  }

  async *#readEarlier(before: string): ByteSource {
    const { store } = this.#parts;
    // The store's chunks are borrowed buffers: the window and the writer need a copy.
    for await (const chunk of await store.openUpload(before))
      yield this.#blob.take(Buffer.from(chunk));
  }

  async #append(opened: OpenedSource): Promise<void> {
    const { store, upload } = this.#parts;
    const start = this.#blob.receivedBytes;
    try {
      this.#blob.learnSize(opened.sizeBytes);
    } catch (error) {
      opened.discard();
      throw error;
    }
    const bytes = prefetchFirst(this.#receive(opened));
    try {
      await store.append(upload, start, bytes);
    } finally {
      bytes.return(undefined).catch(() => undefined);
    }
  }

  /** Yields the new bytes of the source, and verifies the blob at the end. Throws {@link UpstreamFailure}. */
  async *#receive(opened: OpenedSource): AsyncGenerator<Uint8Array, void> {
    const blob = this.#blob;
    let skip = blob.receivedBytes - opened.start;
    try {
      for await (const chunk of opened.bytes) {
        if (blob.failure !== undefined) throw blob.failure;
        const part = skip > 0 ? chunk.subarray(skip) : chunk;
        skip = Math.max(0, skip - chunk.length);
        if (part.length === 0) continue;
        this.#parts.count(part.length);
        yield blob.take(part);
      }
    } catch (error) {
      throw connectionFailure(error, "the upstream");
    }
    blob.verify();
  }
}

/** Requests the first chunk immediately, so that it does not wait until the store has opened the file. */
function prefetchFirst(bytes: AsyncGenerator<Uint8Array, void>): AsyncGenerator<Uint8Array, void> {
  const first = bytes.next();
  first.catch(() => undefined);
  let isFirst = true;
  return {
    next: () => {
      if (!isFirst) return bytes.next();
      isFirst = false;
      return first;
    },
    return: (value) => bytes.return(value),
    throw: (error) => bytes.throw(error),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
