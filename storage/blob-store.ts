import type { Digest } from "../src/oci/digest.ts";

/**
 * Where one blob's bytes lie, as the driver that wrote them named the place. Recorded in the blob's row,
 * never derived from the digest, and never used twice: a late delete can't hit a later push of the same digest.
 */
export type BlobKey = string;

/**
 * What a driver needs to find an upload again after a restart or in another process. Opaque to everybody else.
 * It is recorded in the upload's row before the first byte is appended.
 */
export type UploadReference = string;

export interface BlobStat {
  readonly sizeBytes: number;
}

export interface StoredObject extends BlobStat {
  readonly key: BlobKey;
  /** When its key was made, in milliseconds since the epoch, as the key itself says: no copy or restore changes it. */
  readonly createdAtMs: number;
}

/** First and last byte, both included, as in `Range: bytes=first-last`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Bytes on their way in. A chunk belongs to whoever received it; leaving the loop early releases what the source holds. */
export type ByteSource = AsyncIterable<Uint8Array>;

/**
 * Bytes on their way out, borrowed: a chunk is only valid until the next one is asked for, when its buffer is used
 * again. Leaving the loop early releases what the source holds.
 */
export type BorrowedBytes = AsyncIterable<Uint8Array>;

/** What a store can do beyond the contract, said up front so that nobody has to try. */
export interface BlobStoreCapabilities {
  /** Bytes can be fetched by a client from the store itself, by a signed URL of short life. */
  readonly signedRedirect: boolean;
  /** What an upload holds can be read while more is being appended, also by another process. */
  readonly readsOpenUploads: boolean;
  /** No upload takes more bytes than this; `undefined` where only the disk sets a limit. */
  readonly largestBlobBytes?: number;
}

/**
 * Where bytes live. A store knows nothing of repositories, names or permissions, and takes digests on trust:
 * hashing belongs to the domain.
 *
 * For all methods: "not there" is `undefined` or a no-op, never an error; whatever else goes wrong rejects with
 * the driver's own error (`code` as Node or the SDK gives it), and a rejected call has acknowledged nothing.
 */
export interface BlobStore {
  readonly capabilities: BlobStoreCapabilities;

  /** Size of a blob, or `undefined`. */
  stat(key: BlobKey): Promise<BlobStat | undefined>;

  /**
   * The bytes of a blob or of a part of it (which must lie inside it), or `undefined` if there is no such blob.
   * Resolves only once the blob is known to be readable. A failure later on throws out of the loop: a reader
   * never takes a cut blob for a whole one.
   */
  open(key: BlobKey, range?: ByteRange): Promise<BorrowedBytes | undefined>;

  /**
   * A URL of short life at which the blob's bytes can be read by whoever has it, so that it belongs into no log;
   * `undefined` unless {@link BlobStoreCapabilities.signedRedirect}. Says nothing of whether the blob is there.
   */
  signedUrl(key: BlobKey): Promise<string | undefined>;

  /** Writes a whole small blob held in memory. When it resolves, the blob survives a power cut. */
  put(digest: Digest, bytes: Uint8Array): Promise<BlobKey>;

  /** Names a new upload. Nothing needs to be written, let alone durable, yet. */
  begin(): Promise<UploadReference>;

  /** Bytes the upload holds safely now, also for another process: 0 before the first append, and after a commit or an abort. */
  uploadSize(upload: UploadReference): Promise<number>;

  /**
   * Appends the source at `offset`, which must equal {@link uploadSize}; the caller sees to it that nobody else
   * appends at the same time. Resolves with the new size. If the source throws, what came before is kept and
   * the source's error is thrown. Memory stays bounded however large or fast the source is.
   */
  append(upload: UploadReference, offset: number, source: ByteSource): Promise<number>;

  /**
   * The bytes an upload holds, none if it is gone. For hashing them again after a
   * restart, or with another algorithm: then only commit and abort may follow, as a store may have to end the upload
   * before it can be read. Where {@link BlobStoreCapabilities.readsOpenUploads} says so it ends nothing, and what is still
   * growing can be read, from byte `start` on.
   */
  openUpload(upload: UploadReference, start?: number): Promise<BorrowedBytes>;

  /**
   * Turns the upload into a blob, of just those bytes that this store's last append or {@link openUpload} left there: an
   * upload that another process has changed since is refused. When it resolves, the blob survives a power cut and the upload is gone.
   * If it rejects, there is no blob, and the upload must be aborted: a failed flush is never tried again.
   */
  commit(upload: UploadReference, digest: Digest): Promise<BlobKey>;

  /**
   * Forgets an upload and its bytes. What had to be made one object to be read ({@link openUpload}) may stay, as an
   * object that no row names: it can't be told from one that has just become a blob.
   */
  abort(upload: UploadReference): Promise<void>;

  /**
   * Takes over a blob of another store, under the key that it has there. If the source throws, nothing is kept, and its
   * error is thrown: that is how the caller refuses wrong bytes. When it resolves, the blob survives a power cut.
   */
  importBlob(key: BlobKey, source: ByteSource): Promise<void>;

  /** Removes a blob. */
  delete(key: BlobKey): Promise<void>;

  /** Every blob in the store, in no order, for checks and copies. No request is ever answered from it. */
  list(): AsyncIterable<StoredObject>;

  /** Every upload in the store, in no order: what a start finds that no row knows is removed. */
  listUploads(): AsyncIterable<UploadReference>;

  /** The id that {@link claim} has left here; `undefined` in a store that nobody has claimed. */
  identity(): Promise<string | undefined>;

  /** Marks the store as the one that a database speaks of. Durable when it resolves. */
  claim(id: string): Promise<void>;

  /** Rejects, saying what is wrong, unless the store can be written to and read from right now. */
  probe(): Promise<void>;

  close(): Promise<void>;
}

/** An append at an offset where the upload does not end. */
export class UploadOffsetError extends Error {
  constructor(offset: number, sizeBytes: number) {
    super(`append at ${offset}, but the upload holds ${sizeBytes} bytes`);
    this.name = "UploadOffsetError";
  }
}
