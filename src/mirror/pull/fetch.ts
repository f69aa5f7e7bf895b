import { setTimeout as sleep } from "node:timers/promises";
import type { BlobStore, ByteSource } from "../../../storage/blob-store.ts";
import { algorithmOf, createDigester, type Digest } from "../../oci/digest.ts";
import { connectionFailure, UpstreamFailure } from "../upstream/failure.ts";
import type { PartialBlob } from "./partial-blob.ts";
import { createReaders } from "./readers.ts";
import { prefetchFirst } from "./sources.ts";
import { openRecentBytes } from "./recent-bytes-window.ts";

/** The response of a source for the bytes of a blob from `start` on. */
export interface OpenedSource {
  /** Offset of the first byte: the requested `start`, or 0 if the source does not support ranges. */
  readonly start: number;
  /** Size of the whole blob; `undefined` if the source does not send it. */
  readonly sizeBytes: number | undefined;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Closes the response without reading it. */
  discard(): void;
}

export interface DownloadParts {
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

/** The download of one blob, shared by all its readers. It outlives its clients. */
export interface BlobDownload extends PartialBlob {
  /** Resolves when the size is known; rejects if the download fails before. */
  readonly sized: Promise<number>;
  /** Resolves with the storage key when the blob is stored; rejects if the download fails. */
  readonly done: Promise<string>;
  /**
   * Adds a reader. Call the result to remove it. When the last reader leaves, the download stops if its size is unknown
   * or if the running downloads do not fit into the cache.
   */
  join(): () => void;
  /** Fails the download with `reason`, for the readers too, and deletes the received bytes. */
  stop(reason: Error): void;
  /** Like {@link stop}, but keeps the received bytes for another process. */
  pause(reason: Error): void;
}

/** Bytes. Readers get older bytes from the store; if it cannot read open uploads, the window is 64 MB, not 4 MB. */
const [shortWindow, longWindow] = [4 * 1024 * 1024, 64 * 1024 * 1024];
const lingerMs = 2_000;
/** A cut transfer resumes at its offset, with at most 3 tries. A try that received 64 KB resets the count. */
const triesAtMost = 3;
const worthBytes = 64 * 1024;
const firstPauseMs = 100;

/** Starts a download. It usually continues after its clients leave (see {@link BlobDownload.join}). */
export function startDownload(parts: DownloadParts): BlobDownload {
  const { store, digest, upload, expectedBytes } = parts;
  const recentBytes = openRecentBytes(
    store.capabilities.readsOpenUploads ? shortWindow : longWindow,
  );
  const hash = createDigester(algorithmOf(digest));
  const state: { size?: number; key?: string; failure?: unknown } = {};
  let received = 0;
  let isVerified = false;
  let isPaused = false;
  let announce: (size: number) => void = () => undefined;
  let giveUp: (error: unknown) => void = () => undefined;
  const sized = new Promise<number>((resolve, reject) => {
    announce = resolve;
    giveUp = reject;
  });

  const readers = createReaders(() => {
    const isSized = (state.size ?? expectedBytes) !== undefined;
    if (!isVerified && !(isSized && parts.isWorthKeeping()))
      stop(new UpstreamFailure("connectionFailed", "no client reads the blob any more"));
  });
  const wake = (): void => readers.wake(received);
  const available = (): number =>
    isVerified ? received : Math.max(0, Math.min(received, (state.size ?? Infinity) - 1));
  const learnSize = (said: number | undefined): void => {
    const known = state.size ?? expectedBytes;
    const size = said ?? known;
    if (size === undefined) return;
    if (known !== undefined && known !== size)
      throw new UpstreamFailure(
        "badResponse",
        `the upstream's blob has ${size} bytes, not ${known}`,
      );
    if (known === undefined && size > parts.unnamedBytesAtMost) throw tooLong();
    state.size = size;
    announce(size);
  };

  const take = (chunk: Uint8Array): Uint8Array => {
    const end = received + chunk.length;
    if (end > (state.size ?? expectedBytes ?? Infinity))
      throw new UpstreamFailure("badResponse", "the upstream sends more bytes than the blob has");
    if (state.size === undefined && end > parts.unnamedBytesAtMost) throw tooLong();
    hash.update(chunk);
    recentBytes.push(chunk);
    received = end;
    readers.arrived(received);
    return chunk;
  };

  /** Yields the new bytes of the upstream, and verifies the digest at the end. Throws {@link UpstreamFailure}. */
  async function* pump(opened: OpenedSource): AsyncGenerator<Uint8Array, void> {
    let skip = received - opened.start;
    try {
      for await (const chunk of opened.bytes) {
        if (state.failure !== undefined) throw state.failure;
        const part = skip > 0 ? chunk.subarray(skip) : chunk;
        skip = Math.max(0, skip - chunk.length);
        if (part.length === 0) continue;
        parts.count(part.length);
        yield take(part);
      }
    } catch (error) {
      throw connectionFailure(error, "the upstream");
    }
    if (state.size === undefined) learnSize(received);
    if (received < (state.size ?? 0))
      throw new UpstreamFailure("connectionFailed", "the upstream has cut the transfer");
    verify();
  }

  /** Checks the digest. Readers may then read the last byte, even before the blob is on the disk. */
  const verify = (): void => {
    const found = hash.digest();
    if (found !== digest)
      throw new UpstreamFailure("badResponse", `the upstream's bytes are ${found}, not ${digest}`);
    isVerified = true;
    wake();
  };

  async function* prefix(before: string): ByteSource {
    // The store's chunks are borrowed buffers: the window and the writer need a copy.
    for await (const chunk of await store.openUpload(before)) yield take(Buffer.from(chunk));
  }

  const transfer = async (): Promise<void> => {
    if (parts.before !== undefined) {
      await store.append(upload, 0, prefix(parts.before)).catch(() => undefined);
      await store.abort(parts.before);
      if ((await store.uploadSize(upload)) !== received)
        throw new Error("what was fetched before could not be read back");
    }
    if (received > 0 && received === expectedBytes) {
      learnSize(received);
      return verify();
    }
    let isUnderWay = received > 0;
    for (let tries = 1; ; tries += 1) {
      const start = received;
      try {
        const opened = await parts.open(start);
        isUnderWay = true;
        try {
          learnSize(opened.sizeBytes);
        } catch (error) {
          opened.discard();
          throw error;
        }
        const bytes = prefetchFirst(pump(opened));
        try {
          await store.append(upload, start, bytes);
        } finally {
          bytes.return(undefined).catch(() => undefined);
        }
        return;
      } catch (error) {
        if (received - start >= worthBytes) tries = 1;
        const mayPass =
          error instanceof UpstreamFailure &&
          ["connectionFailed", "timeout", "serverError", "rejected"].includes(error.kind);
        if (!mayPass || !isUnderWay || tries >= triesAtMost || state.failure !== undefined)
          throw error;
        await sleep(firstPauseMs * 2 ** tries);
      }
    }
  };

  const run = async (): Promise<string> => {
    await transfer();
    const storageKey = await store.commit(upload, digest);
    state.key = await parts.record({ storageKey, sizeBytes: received });
    wake();
    return state.key;
  };

  const done = run().catch(async (error: unknown) => {
    state.failure ??= error;
    giveUp(error);
    wake();
    if (!isPaused) await store.abort(upload).catch(() => undefined);
    throw error;
  });
  const stop = (reason: Error): void => {
    state.failure ??= reason;
    giveUp(reason);
    wake();
  };
  // Keep the window for 2 s, so that readers in the middle of it can continue.
  const linger = (): void => void setTimeout(() => recentBytes.close(), lingerMs).unref();
  done.then(linger, () => recentBytes.close());
  // Readers receive the failure from `until`.
  sized.catch(() => undefined);

  return {
    upload,
    sized,
    done,
    recentBytes,
    get storageKey() {
      return state.key;
    },
    get availableBytes() {
      return available();
    },
    async until(at) {
      while (available() <= at && state.key === undefined) {
        if (state.failure !== undefined) throw state.failure;
        await readers.wait();
      }
      // A verified blob that could not be stored has no bytes left.
      if (state.failure !== undefined && state.key === undefined) throw state.failure;
    },
    join: () => readers.join(),
    stop,
    pause(reason) {
      isPaused = true;
      stop(reason);
    },
  };
}

const tooLong = (): UpstreamFailure =>
  new UpstreamFailure(
    "badResponse",
    "the blob is too long for a mirror, and no manifest here names it",
  );
