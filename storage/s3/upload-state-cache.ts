import type { BorrowedBytes, UploadReference } from "../blob-store.ts";
import type { Bucket } from "./bucket.ts";
import type { PartBuffer, PartBuffers } from "./part-buffers.ts";
import {
  lineSpaceBytes,
  loadRemainder,
  sizeOf,
  UploadChangedError,
  type UploadState,
} from "./state.ts";

interface CachedUploadState {
  readonly state: UploadState;
  /** A copy; `undefined` if it must be read from the store. */
  readonly remainder: Uint8Array | undefined;
}

const uploadsAtMost = 10_000;
const maxRemainderBytes = 1024 * 1024;
const remaindersBytesAtMost = 32 * 1024 * 1024;

/**
 * Caches the state of the uploads that this process has written or read: the state after its last operation, and a short
 * remainder. A commit creates a blob of exactly this state, because the domain code has computed the digest of these
 * bytes. If another process has changed the upload since, its bytes must not get that digest.
 */
export class UploadStateCache {
  readonly #bucket: Bucket;
  readonly #buffers: PartBuffers;
  readonly #uploads = new Map<UploadReference, CachedUploadState>();
  #remaindersBytes = 0;

  constructor(bucket: Bucket, buffers: PartBuffers) {
    this.#bucket = bucket;
    this.#buffers = buffers;
  }

  get(upload: UploadReference): UploadState | undefined {
    return this.#uploads.get(upload)?.state;
  }

  set(upload: UploadReference, state: UploadState, remainder?: Uint8Array): void {
    this.forget(upload);
    const isKept =
      remainder !== undefined &&
      remainder.length <= maxRemainderBytes &&
      this.#remaindersBytes + remainder.length <= remaindersBytesAtMost;
    this.#remaindersBytes += isKept ? remainder.length : 0;
    this.#uploads.set(upload, {
      state,
      remainder: isKept ? Uint8Array.from(remainder) : undefined,
    });
    // Drop the oldest state. Its commit then throws {@link UploadChangedError}, and no wrong bytes are stored.
    const [oldest] = this.#uploads.keys();
    if (this.#uploads.size > uploadsAtMost && oldest !== undefined) this.forget(oldest);
  }

  forget(upload: UploadReference): void {
    this.#remaindersBytes -= this.#uploads.get(upload)?.remainder?.length ?? 0;
    this.#uploads.delete(upload);
  }

  /**
   * Compares the cached state with the stored one. Throws {@link UploadChangedError} if another process has changed the
   * upload and the size is the same: the running digest of this process would then be used for other bytes.
   */
  compare(
    upload: UploadReference,
    found: { readonly sizeBytes: number; readonly version: string },
  ): void {
    const known = this.get(upload);
    if (known === undefined || known.version === found.version) return;
    if (found.sizeBytes > 0 && sizeOf(known) === found.sizeBytes)
      throw new UploadChangedError(upload);
    this.forget(upload);
  }

  /** Copies the remainder into a buffer, after {@link lineSpaceBytes}. */
  async readRemainder(upload: UploadReference, state: UploadState, buffer: Buffer): Promise<void> {
    const remainder = this.#cachedRemainder(upload, state);
    if (remainder === undefined) await loadRemainder(this.#bucket, upload, state, buffer);
    else buffer.set(remainder, lineSpaceBytes);
  }

  /** Calls `work` with the remainder, which is borrowed. */
  async withRemainder<T>(
    upload: UploadReference,
    state: UploadState,
    work: (remainder: Uint8Array) => Promise<T>,
  ): Promise<T> {
    if (state.remainderBytes === 0) return await work(new Uint8Array());
    const cached = this.#cachedRemainder(upload, state);
    if (cached !== undefined) return await work(cached);
    const buffer = await this.#loadIntoBuffer(upload, state);
    try {
      return await work(remainderIn(buffer, state));
    } finally {
      buffer.release();
    }
  }

  /** The remainder in one chunk. */
  async *openRemainder(upload: UploadReference, state: UploadState): BorrowedBytes {
    const buffer = await this.#loadIntoBuffer(upload, state);
    try {
      yield remainderIn(buffer, state);
    } finally {
      buffer.release();
    }
  }

  /** Reads the remainder into the memory of a part, which the caller must release. */
  async #loadIntoBuffer(upload: UploadReference, state: UploadState): Promise<PartBuffer> {
    const buffer = await this.#buffers.acquire(state.partSize, () => undefined);
    // No client fills this buffer, so the pool need not ask for it.
    buffer.sending();
    try {
      await this.readRemainder(upload, state, buffer.grow(state.remainderBytes));
      return buffer;
    } catch (error) {
      buffer.release();
      throw error;
    }
  }

  #cachedRemainder(upload: UploadReference, { version }: UploadState): Uint8Array | undefined {
    const known = this.#uploads.get(upload);
    return known?.state.version === version ? known?.remainder : undefined;
  }
}

const remainderIn = ({ bytes }: PartBuffer, { remainderBytes }: UploadState): Uint8Array =>
  bytes.subarray(lineSpaceBytes, lineSpaceBytes + remainderBytes);
