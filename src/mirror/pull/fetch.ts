import { setTimeout as sleep } from "node:timers/promises";
import type { BlobStore, ByteSource } from "../../../storage/blob-store.ts";
import { algorithmOf, createDigester, type Digest } from "../../oci/digest.ts";
import { UpstreamFailure } from "../upstream/failure.ts";
import type { PartialBlob } from "./partial-blob.ts";
import { createReaders } from "./readers.ts";
import { prefetchFirst } from "./sources.ts";
import { openRecentBytes } from "./recent-bytes-window.ts";
import { connectionFailure } from "../upstream/connection.ts";

/** The bytes of a blob from `start` on, as a source gives them. */
export interface OpenedSource {
  /** Where they begin: `start`, or 0 where the source knows no ranges. */
  readonly start: number;
  /** Of the whole blob; `undefined` if the source does not say. */
  readonly sizeBytes: number | undefined;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Lets go of bytes that nobody will read. */
  discard(): void;
}

export interface DownloadParts {
  readonly store: BlobStore;
  readonly digest: Digest;
  /** What manifests say; the source may not send more. */
  readonly expectedBytes: number | undefined;
  /** How long a blob may be that no manifest names. */
  readonly unnamedBytesAtMost: number;
  /** Whether there is room to keep it: then it comes to its end also when nobody reads it any more. */
  readonly isWorthKeeping: () => boolean;
  readonly upload: string;
  /** What an earlier try has left, in an upload that nobody writes to any more. */
  readonly before: string | undefined;
  readonly open: (start: number) => Promise<OpenedSource>;
  /** The whole blob is durable under this key; resolves with the one it is to be read from. */
  readonly record: (blob: {
    readonly storageKey: string;
    readonly sizeBytes: number;
  }) => Promise<string>;
  /** Bytes came in. */
  readonly count: (bytes: number) => void;
}

/** One blob being brought from an upstream, for everybody who waits for it. */
export interface BlobDownload extends PartialBlob {
  /** Resolves when the size is known; rejects if it never is. */
  readonly sized: Promise<number>;
  /** Resolves with the blob's key when it is stored; rejects if it never is. */
  readonly done: Promise<string>;
  /**
   * One more reader, until the result is called. When the last one leaves a blob that could not be kept, or of which
   * nobody knows how long it is, the fetch stops.
   */
  join(): () => void;
  /** Gives up: readers are told so, and what has come is thrown away. */
  stop(reason: Error): void;
  /** The same, but what has come stays for whoever goes on with it. */
  pause(reason: Error): void;
}

/** What is further back is read from the store, or, where that can't be yet, kept as long as there is room. */
const [shortWindow, longWindow] = [4 * 1024 * 1024, 64 * 1024 * 1024];
const lingerMs = 2_000;
/** A transfer that is cut begins again where it was, so often without as many bytes in between as are worth a request. */
const triesAtMost = 3;
const worthBytes = 64 * 1024;
const firstPauseMs = 100;

/** Begins at once, and goes on whoever leaves, unless the blob could not be kept (see {@link BlobDownload.join}). */
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

  /** The next bytes of the upstream; its failures become {@link UpstreamFailure}. */
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

  /** What is right may be read to the end, whether it is on the disk yet or not. */
  const verify = (): void => {
    const found = hash.digest();
    if (found !== digest)
      throw new UpstreamFailure("badResponse", `the upstream's bytes are ${found}, not ${digest}`);
    isVerified = true;
    wake();
  };

  async function* prefix(before: string): ByteSource {
    // Borrowed bytes: a later reader needs a copy.
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
  // Who is in the middle of it reads on where it is.
  const linger = (): void => void setTimeout(() => recentBytes.close(), lingerMs).unref();
  done.then(linger, () => recentBytes.close());
  // Readers hear of a failure where they wait.
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
      // What has been verified and could not be stored is no longer anywhere.
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
