import type { Digest } from "../src/oci/digest.ts";
import type { ByteRange } from "../src/oci/range.ts";

export type { ByteRange };

/**
 * The location of one blob's bytes, in the form of the driver that wrote them. The blob's row records it. A key is
 * never derived from the digest alone and never used twice, so that a late delete cannot hit a later push of the same
 * digest.
 */
export type BlobKey = string;

/**
 * The data with which a driver finds an upload after a restart or in another process. It is opaque to all other code.
 * The upload's row records it before the first byte is appended.
 */
export type UploadReference = string;

export interface BlobStat {
  readonly sizeBytes: number;
}

export interface StoredObject extends BlobStat {
  readonly key: BlobKey;
  /**
   * The creation time of the key, in milliseconds since the epoch. The key contains it: no copy or restore changes it.
   */
  readonly createdAtMs: number;
}

/**
 * Incoming bytes. The receiver of a chunk owns it. A receiver that leaves the loop early releases the source's
 * resources.
 */
export type ByteSource = AsyncIterable<Uint8Array>;

/**
 * Outgoing bytes, borrowed. A chunk is valid only until the reader requests the next chunk; then the store reuses its
 * buffer. A reader that leaves the loop early releases the source's resources.
 */
export type BorrowedBytes = AsyncIterable<Uint8Array>;

/** The optional features of a store, which callers check before they use them. */
export interface BlobStoreCapabilities {
  /** Clients can download bytes from the store itself, with a short-lived signed URL. */
  readonly signedRedirect: boolean;
  /** Readers can read an open upload while a writer appends to it, also from another process. */
  readonly readsOpenUploads: boolean;
  /** The blobs are on a disk or in the memory of this machine, and not in a bucket without a limit. */
  readonly hasLimitedSpace: boolean;
  /** The largest upload, in bytes; `undefined` if only the disk sets a limit. */
  readonly largestBlobBytes?: number;
}

/**
 * Stores bytes. A store does not know repositories, names or permissions, and does not verify digests: the domain code
 * computes them.
 *
 * For all methods: a missing object is `undefined` or a no-op, never an error. Every other failure rejects with the
 * driver's own error (`code` as Node or the SDK sets it). A rejected call acknowledges nothing.
 */
export interface BlobStore {
  readonly capabilities: BlobStoreCapabilities;

  /** The size of a blob; `undefined` if there is no such blob. */
  stat(key: BlobKey): Promise<BlobStat | undefined>;

  /**
   * The bytes of a blob or of a range, which must lie inside the blob; `undefined` if there is no such blob. Resolves
   * only when the blob is readable. A later failure throws out of the loop, so that no reader takes a truncated blob
   * for a complete one.
   */
  open(key: BlobKey, range?: ByteRange): Promise<BorrowedBytes | undefined>;

  /**
   * A short-lived URL with which any client can read the blob's bytes: it must not appear in a log. `undefined` unless
   * {@link BlobStoreCapabilities.signedRedirect}. The method does not check that the blob exists.
   */
  signedUrl(key: BlobKey): Promise<string | undefined>;

  /** Writes a small blob from memory. When it resolves, the blob survives a power cut. */
  put(digest: Digest, bytes: Uint8Array): Promise<BlobKey>;

  /** Returns a reference for a new upload. The store need not write anything yet. */
  begin(): Promise<UploadReference>;

  /**
   * The size of the upload, for any process, also after a restart: 0 before the first append, and after a commit or an
   * abort. A power cut may lose bytes before the commit.
   */
  uploadSize(upload: UploadReference): Promise<number>;

  /**
   * Appends the source at `offset`, which must equal {@link uploadSize}. The caller ensures that the upload has one
   * writer. Resolves with the new size in bytes. If the source throws, the store keeps the bytes before the error and
   * throws the source's error; after an {@link UploadLostError} it need not keep them. Memory use is bounded, whatever the
   * size and speed of the source. Throws {@link UploadOffsetError}.
   */
  append(upload: UploadReference, offset: number, source: ByteSource): Promise<number>;

  /**
   * Takes the upload from another process that may still write to it, because it was paused or cut off. Later writes of
   * that process do not change bytes that are appended from now on without {@link commit} rejecting the upload.
   */
  takeOver(upload: UploadReference): Promise<void>;

  /**
   * The bytes of an upload; empty if the upload is gone. The caller computes a digest from them after a restart, or
   * with another algorithm. Afterwards only commit and abort may follow, because a store may have to assemble the
   * upload before it can read it. A store with {@link BlobStoreCapabilities.readsOpenUploads} assembles nothing, can
   * read an upload that still grows, and begins at byte `start`.
   */
  openUpload(upload: UploadReference, start?: number): Promise<BorrowedBytes>;

  /**
   * Turns the upload into a blob of exactly the bytes that this store's last append or {@link openUpload} left. A store
   * that caches the state of uploads (S3) rejects an upload that another process has changed since; for other stores
   * the caller locks the upload. When it resolves, the blob survives a power cut and the upload is gone. If it rejects,
   * there is no blob and the caller must abort the upload: a failed flush is never retried.
   */
  commit(upload: UploadReference, digest: Digest): Promise<BlobKey>;

  /**
   * Deletes an upload and its bytes. An upload that {@link openUpload} assembled may stay as an object without a row:
   * the store cannot distinguish it from an upload that has just become a blob.
   */
  abort(upload: UploadReference): Promise<void>;

  /**
   * Imports a blob of another store under its existing key. If the source throws, the store keeps nothing and throws
   * the source's error: the caller rejects wrong bytes in this manner. When it resolves, the blob survives a power cut.
   */
  importBlob(key: BlobKey, source: ByteSource): Promise<void>;

  /** Deletes a blob. */
  delete(key: BlobKey): Promise<void>;

  /** All blobs in the store, unordered, for checks and copies. No client request reads this list. */
  list(): AsyncIterable<StoredObject>;

  /** All uploads in the store, unordered. At a start, maintenance deletes the uploads that have no row. */
  listUploads(): AsyncIterable<UploadReference>;

  /** The id that {@link claim} wrote; `undefined` if no database has claimed the store. */
  identity(): Promise<string | undefined>;

  /** Marks the store as belonging to the database with this id. Durable when it resolves. */
  claim(id: string): Promise<void>;

  /** Rejects with the cause unless a test write succeeds now (S3: also a test read). */
  probe(): Promise<void>;

  /** Releases threads and connections. The caller ends its calls and its reads before. */
  close(): Promise<void>;
}

/** The methods for uploads, which each driver implements in one file. */
export type UploadMethods = Pick<
  BlobStore,
  | "begin"
  | "uploadSize"
  | "append"
  | "takeOver"
  | "openUpload"
  | "commit"
  | "abort"
  | "importBlob"
  | "listUploads"
>;

/** The source of an append throws it when another process may have taken the upload: its state must not be changed. */
export class UploadLostError extends Error {
  override readonly name = "UploadLostError";
  /** As for a file that another process uses: the client gets 503. */
  readonly code = "EBUSY";

  constructor(options?: ErrorOptions) {
    super("another process may have taken over the upload", options);
  }
}

/** The offset of an append is not the end of the upload. */
export class UploadOffsetError extends Error {
  constructor(offset: number, sizeBytes: number) {
    super(`append at ${offset}, but the upload holds ${sizeBytes} bytes`);
    this.name = "UploadOffsetError";
  }
}
