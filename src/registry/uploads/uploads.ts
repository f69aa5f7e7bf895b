import { randomUUID } from "node:crypto";
import type { BlobStore } from "../../../storage/blob-store.ts";
import type { Metadata } from "../../metadata/metadata.ts";
import type { UploadRow } from "../../metadata/schema.ts";
import { algorithmOf, digestOf, type Digest, type DigestAlgorithm } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { rewriteAfterMs, type Clock, type Keeper } from "../clock.ts";
import { checkRange, gather, measured, UploadRangeError, type Chunk } from "./chunk.ts";
import { createUploadHashes } from "./hashes.ts";
import { createUploadLocks, type UploadHold } from "./locks.ts";

/** A blob no larger than this that comes in one request is held in memory and written once, under its own key. */
const wholeInMemoryBytes = 256 * 1024;
/** What all such blobs together may hold; beyond it they go by way of an upload like large ones. */
const memoryBudgetBytes = 32 * 1024 * 1024;

export type Uploads = ReturnType<typeof createUploads>;

/**
 * Uploads of blobs. A session is a row bound to its repository; its bytes lie in the store, so that it outlives this
 * process. All methods throw BLOB_UPLOAD_UNKNOWN for a session that is not (or no longer) one of this repository.
 */
export function createUploads(parts: {
  readonly store: BlobStore;
  readonly metadata: Pick<Metadata, "uploads" | "blobs" | "run">;
  readonly clock: Clock;
  readonly keeper: Keeper;
}) {
  const { store, metadata, clock, keeper } = parts;
  const locks = createUploadLocks();
  const hashes = createUploadHashes(store);
  let heldInMemoryBytes = 0;

  const find = async (repository: RepositoryName, id: string): Promise<UploadRow> => {
    const row = await metadata.uploads.find(id);
    if (row === undefined || row.repository !== repository) {
      throw new OciError("BLOB_UPLOAD_UNKNOWN");
    }
    return row;
  };

  /** Does the work as the upload's only writer. */
  const asWriter = async <T>(
    repository: RepositoryName,
    id: string,
    work: (row: UploadRow, hold: UploadHold) => Promise<T>,
  ): Promise<T> => {
    const row = await find(repository, id);
    const free = !locks.isHeld(id);
    const hold = await locks.acquire(id);
    if (hold === undefined) {
      const offset = await store.uploadSize((await find(repository, id)).storage_reference);
      throw new UploadRangeError("another request is writing to this upload", offset);
    }
    try {
      // Who had it before may have closed it.
      return await work(free ? row : await find(repository, id), hold);
    } finally {
      hold.release();
    }
  };

  const discard = async (row: UploadRow): Promise<void> => {
    hashes.forget(row.id);
    await metadata.run("endUpload", { id: row.id });
    await store.abort(row.storage_reference);
  };

  /** Records a blob whose bytes are durable under `storageKey`; bytes that were here already are not kept twice. */
  const record = async (blob: {
    readonly repository: RepositoryName;
    readonly digest: Digest;
    readonly sizeBytes: number;
    readonly storageKey: string;
    readonly uploadId: string | undefined;
  }): Promise<void> => {
    const outcome = await metadata.run("storeBlob", { ...blob, ...keeper.keep() });
    if (outcome === "duplicate") await store.delete(blob.storageKey);
  };

  const fitsInMemory = ({ lengthBytes }: Chunk): boolean =>
    lengthBytes !== undefined &&
    lengthBytes <= wholeInMemoryBytes &&
    heldInMemoryBytes + lengthBytes <= memoryBudgetBytes;

  /** Takes a small blob into memory, checks it, and writes it once, under its own key. */
  const storeWhole = async (blob: {
    readonly repository: RepositoryName;
    readonly digest: Digest;
    readonly chunk: Chunk;
    readonly hold?: UploadHold;
    readonly uploadId?: string;
  }): Promise<void> => {
    const { repository, digest, chunk, hold, uploadId } = blob;
    const held = chunk.lengthBytes ?? 0;
    heldInMemoryBytes += held;
    try {
      const bytes = await gather(measured(chunk, hold?.moved ?? (() => undefined)));
      const found = digestOf(bytes, algorithmOf(digest));
      if (found !== digest) throw mismatch(digest, found);
      const storageKey = await store.put(digest, bytes);
      await record({ repository, digest, sizeBytes: bytes.length, storageKey, uploadId });
    } finally {
      heldInMemoryBytes -= held;
    }
  };

  /** Appends a chunk at the upload's end. What arrived before the client went away is kept. */
  const append = async (row: UploadRow, hold: UploadHold, chunk: Chunk): Promise<number> => {
    const offset = await store.uploadSize(row.storage_reference);
    checkRange(chunk, offset);
    refuseTooLarge(offset + (chunk.lengthBytes ?? 0), store.abilities.largestBlobBytes);
    if (clock() - row.touched_at > rewriteAfterMs) {
      await metadata.run("touchUpload", { id: row.id, nowMs: clock() });
    }
    const stop = (): void =>
      void chunk.source.destroy(new Error("a newer request has taken over the upload"));
    hold.letGo.addEventListener("abort", stop, { once: true });
    try {
      const bytes = hashes.tap(row.id, offset, measured(chunk, hold.moved));
      return await store.append(row.storage_reference, offset, bytes);
    } finally {
      hold.letGo.removeEventListener("abort", stop);
    }
  };

  /** Turns what the upload holds into a blob; if it is not what the client says it is, or fails, the upload is gone. */
  const closeStored = async (row: UploadRow, digest: Digest): Promise<void> => {
    const reference = row.storage_reference;
    const sizeBytes = await store.uploadSize(reference);
    const found = await hashes.digest(row.id, algorithmOf(digest), reference, sizeBytes);
    if (found !== digest) throw mismatch(digest, found);
    let storageKey: string;
    try {
      storageKey = await store.commit(reference, digest);
    } catch (error) {
      await discard(row).catch(() => undefined);
      throw error;
    }
    await record({ repository: row.repository, digest, sizeBytes, storageKey, uploadId: row.id });
  };

  /** The closing request of a session: a blob that comes whole with it takes the short way. */
  const close = async (
    row: UploadRow,
    hold: UploadHold,
    digest: Digest,
    chunk: Chunk | undefined,
  ): Promise<void> => {
    const { repository, id: uploadId } = row;
    try {
      if (chunk === undefined) return await closeStored(row, digest);
      if (fitsInMemory(chunk) && (await store.uploadSize(row.storage_reference)) === 0) {
        checkRange(chunk, 0);
        return await storeWhole({ repository, digest, chunk, hold, uploadId });
      }
      await append(row, hold, chunk);
      await closeStored(row, digest);
    } catch (error) {
      if (error instanceof OciError && error.code === "DIGEST_INVALID") await discard(row);
      throw error;
    }
  };

  /** Opens a session. `algorithm` is a hint: the session may close with another. */
  const start = async (
    repository: RepositoryName,
    algorithm?: DigestAlgorithm,
  ): Promise<string> => {
    const id = randomUUID();
    const nowMs = clock();
    const storage_reference = await store.begin();
    const times = { started_at: nowMs, touched_at: nowMs };
    await metadata.run("startUpload", { id, repository, storage_reference, ...times });
    if (algorithm !== undefined) hashes.expect(id, algorithm);
    return id;
  };

  /** Forgets a session and its bytes. */
  const cancel = (repository: RepositoryName, id: string): Promise<void> =>
    asWriter(repository, id, discard);

  /**
   * Closes the session, with a last chunk if one is given: when it resolves, the blob is durable. Throws
   * DIGEST_INVALID (and forgets the session) if the bytes have another digest. A session that is gone because the same
   * request succeeded before is a success again.
   */
  const finish = async (
    repository: RepositoryName,
    id: string,
    digest: Digest,
    chunk: Chunk | undefined,
  ): Promise<void> => {
    try {
      await asWriter(repository, id, (row, hold) => close(row, hold, digest, chunk));
    } catch (error) {
      const gone = error instanceof OciError && error.code === "BLOB_UPLOAD_UNKNOWN";
      if (!gone || (await metadata.blobs.find(repository, digest)) === undefined) throw error;
    }
  };

  return {
    start,
    cancel,
    finish,

    /** Bytes the session holds. */
    async status(repository: RepositoryName, id: string): Promise<number> {
      return store.uploadSize((await find(repository, id)).storage_reference);
    },

    /** Appends a chunk and resolves with the new size. Throws {@link UploadRangeError} if it belongs elsewhere. */
    append: (repository: RepositoryName, id: string, chunk: Chunk): Promise<number> =>
      asWriter(repository, id, (row, hold) => append(row, hold, chunk)),

    /** A whole blob in one request, without a session that the client would see. Throws DIGEST_INVALID. */
    async pushWhole(repository: RepositoryName, digest: Digest, chunk: Chunk): Promise<void> {
      if (fitsInMemory(chunk)) return await storeWhole({ repository, digest, chunk });
      const id = await start(repository, algorithmOf(digest));
      try {
        await finish(repository, id, digest, chunk);
      } catch (error) {
        await cancel(repository, id).catch(() => undefined);
        throw error;
      }
    },

    /** Whether a request is writing to the session right now. */
    isHeld: (id: string): boolean => locks.isHeld(id),
  };
}

/** Before the first byte, where the client has said how many there will be. */
function refuseTooLarge(sizeBytes: number, most = Infinity): void {
  if (sizeBytes <= most) return;
  const message = `the storage takes blobs of up to ${most} bytes`;
  throw new OciError("SIZE_INVALID", message, { status: 413 });
}

function mismatch(expected: Digest, found: Digest): OciError {
  const detail = { expected, found };
  return new OciError("DIGEST_INVALID", "the content has another digest", { detail });
}
