import {
  UploadLostError,
  type BlobKey,
  type ByteSource,
  type UploadReference,
} from "../blob-store.ts";
import type { Bucket } from "./bucket.ts";
import {
  createMultipart,
  partsAtMost,
  UploadTooLargeError,
  type Multipart,
  type Part,
} from "./multipart.ts";
import type { PartBuffer, PartBuffers } from "./part-buffers.ts";
import { PartSender } from "./part-sender.ts";
import { lineSpaceBytes, saveState, type UploadState } from "./state.ts";
import type { UploadStateCache } from "./upload-state-cache.ts";

/** A long append saves its state at this interval. A crash loses at most the bytes since the last save. */
const saveEveryMs = 10_000;

export interface AppendParts {
  readonly bucket: Bucket;
  readonly buffers: PartBuffers;
  readonly states: UploadStateCache;
}

/** The upload, and the state to continue from. */
export interface AppendTarget {
  readonly upload: UploadReference;
  readonly from: UploadState;
  /** Returns the key for a new multipart upload. */
  readonly newKey: () => BlobKey;
}

/**
 * Appends one source to an upload. Sends the source as parts, several concurrently, while the source still produces
 * bytes. The bytes after the last full part go into the upload's state.
 */
export class Append {
  readonly #bucket: Bucket;
  readonly #buffers: PartBuffers;
  readonly #states: UploadStateCache;
  readonly #target: AppendTarget;
  readonly #partSize: number;
  readonly #sender: PartSender;
  /** The multipart upload, once it exists. */
  #multipart: Multipart | undefined;
  #beginning: Promise<Multipart> | undefined;

  /** The part that is being filled; `undefined` while its first `#filledBytes` bytes are only in the store. */
  #buffer: PartBuffer | undefined;
  #filledBytes: number;
  /** Another upload waits for memory. */
  #isBufferWanted = false;
  #onBufferWanted: (() => void) | undefined;

  /** The last saved state. */
  #saved: UploadState;
  #savedAtMs = performance.now();

  constructor({ bucket, buffers, states }: AppendParts, target: AppendTarget) {
    const { from } = target;
    this.#bucket = bucket;
    this.#buffers = buffers;
    this.#states = states;
    this.#target = target;
    this.#partSize = from.partSize;
    this.#sender = new PartSender(bucket, from.partSize, from.parts, (bytes) =>
      this.#multipartFor(bytes),
    );
    this.#multipart = from.multipart;
    this.#filledBytes = from.remainderBytes;
    this.#saved = from;
  }

  /**
   * Resolves when S3 has all bytes and the saved state names them. If the source throws, the bytes before the error are
   * saved, unless the upload is lost. If S3 fails, the parts before the first failed part are saved.
   */
  async run(source: ByteSource): Promise<UploadState> {
    const iterator = source[Symbol.asyncIterator]();
    try {
      try {
        await this.#takeAll(iterator);
      } catch (error) {
        // Another process may have saved a later state.
        if (error instanceof UploadLostError) await this.#sender.waitForAll();
        else await this.#finish();
        throw error;
      }
      await this.#finish();
      return this.#saved;
    } finally {
      // No-op for a source that has ended.
      await iterator.return?.()?.catch(() => undefined);
      this.#buffer?.release();
    }
  }

  async #takeAll(iterator: AsyncIterator<Uint8Array>): Promise<void> {
    let pending: Promise<IteratorResult<Uint8Array>> | undefined;
    while (this.#sender.failure === undefined) {
      pending ??= iterator.next();
      const step = this.#isBufferWanted ? undefined : await this.#unlessBufferWanted(pending);
      if (step === undefined) {
        await this.#returnBuffer();
        continue;
      }
      pending = undefined;
      if (step.done) break;
      await this.#take(step.value);
    }
  }

  /**
   * Resolves with the pending value, or with `undefined` if the pool asks for the buffer first. Each call creates a new
   * promise, so that callbacks do not accumulate on one promise.
   */
  #unlessBufferWanted<T>(pending: Promise<T>): Promise<T | undefined> {
    return new Promise<T | undefined>((resolve, reject) => {
      this.#onBufferWanted = () => resolve(undefined);
      pending.then(resolve, reject);
    }).finally(() => (this.#onBufferWanted = undefined));
  }

  /** Fills parts with a chunk, and sends the full ones. */
  async #take(chunk: Uint8Array): Promise<void> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#sender.partCount >= partsAtMost)
        throw new UploadTooLargeError(partsAtMost * this.#partSize);
      this.#buffer ??= await this.#openBuffer();
      const fits = Math.min(rest.length, this.#partSize - this.#filledBytes);
      this.#buffer
        .grow(this.#filledBytes + fits)
        .set(rest.subarray(0, fits), lineSpaceBytes + this.#filledBytes);
      this.#filledBytes += fits;
      rest = rest.subarray(fits);
      if (this.#filledBytes < this.#partSize) continue;
      this.#sender.send(this.#buffer);
      this.#buffer = undefined;
      this.#filledBytes = 0;
      if (performance.now() - this.#savedAtMs < saveEveryMs) continue;
      const parts = this.#sender.sentParts();
      if (parts.length > this.#saved.parts.length) await this.#save(parts, 0, undefined);
    }
  }

  async #openBuffer(): Promise<PartBuffer> {
    await this.#sender.waitForSlot();
    this.#isBufferWanted = false;
    const opened = await this.#buffers.acquire(this.#partSize, () => {
      this.#isBufferWanted = true;
      this.#onBufferWanted?.();
    });
    try {
      if (this.#filledBytes > 0) {
        const bytes = opened.grow(this.#filledBytes);
        await this.#states.readRemainder(this.#target.upload, this.#saved, bytes);
      }
    } catch (error) {
      opened.release();
      throw error;
    }
    return opened;
  }

  /** Another upload waits for memory: save the bytes in the store until more arrive. */
  async #returnBuffer(): Promise<void> {
    this.#isBufferWanted = false;
    if (this.#buffer === undefined) return;
    await this.#sender.waitForAll();
    if (this.#sender.failure !== undefined) return;
    await this.#save(this.#sender.sentParts(), this.#filledBytes, this.#buffer.bytes);
    this.#buffer.release();
    this.#buffer = undefined;
  }

  /** The multipart upload. Begins it with the first part, which has `bytes`. */
  #multipartFor(bytes: Buffer): Promise<Multipart> {
    const { multipart } = this.#target.from;
    return (this.#beginning ??=
      multipart === undefined ? this.#begin(bytes) : Promise.resolve(multipart));
  }

  /**
   * Saves the multipart id before the first part is sent: a process that finds the state can abort the multipart
   * upload. The first part begins with the remainder of the saved state.
   */
  async #begin(bytes: Buffer): Promise<Multipart> {
    this.#multipart = await createMultipart(this.#bucket, this.#target.newKey());
    await this.#save(this.#saved.parts, this.#saved.remainderBytes, bytes);
    return this.#multipart;
  }

  /** Waits for the parts that are being sent, and saves what S3 has. Throws the error of the first part that failed. */
  async #finish(): Promise<void> {
    await this.#sender.waitForAll();
    const parts = this.#sender.sentParts();
    const isLonger = parts.length > this.#saved.parts.length;
    if (this.#sender.failure !== undefined) {
      if (isLonger) await this.#save(parts, 0, undefined).catch(() => undefined);
      throw this.#sender.failure.error;
    }
    // Without a buffer, the store already has all bytes after the parts.
    if (this.#buffer !== undefined || isLonger)
      await this.#save(parts, this.#filledBytes, this.#buffer?.bytes);
  }

  async #save(
    parts: readonly Part[],
    remainderBytes: number,
    buffer: Buffer | undefined,
  ): Promise<void> {
    const { upload } = this.#target;
    const { assembledBytes } = this.#saved;
    const state = {
      partSize: this.#partSize,
      multipart: this.#multipart,
      parts,
      remainderBytes,
      assembledBytes,
    };
    this.#saved = await saveState(this.#bucket, upload, state, buffer);
    this.#savedAtMs = performance.now();
    const remainder = buffer?.subarray(lineSpaceBytes, lineSpaceBytes + remainderBytes);
    this.#states.set(upload, this.#saved, remainder ?? new Uint8Array());
  }
}
