import type { Readable } from "node:stream";
import { randomUUID } from "node:crypto";
import { algorithmOf, digestOf, type Digest, type DigestAlgorithm } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Metadata } from "../metadata/metadata.ts";
import type { UploadRow } from "../metadata/schema.ts";
import type { BlobStore, ByteSource } from "../../storage/blob-store.ts";
import { leaseMs, rewriteAfterMs, type Clock } from "./clock.ts";
import { createUploadLocks, type UploadHold } from "./upload-locks.ts";
import { createUploadSessions } from "./upload-sessions.ts";

/** The body of a request that brings bytes, and what its headers say of it. */
export interface Chunk {
  readonly source: Readable;
  /** Content-Length; `undefined` with chunked transfer coding. */
  readonly lengthBytes: number | undefined;
  /** Content-Range: first and last byte. */
  readonly range: { readonly start: number; readonly end: number } | undefined;
}

/** The chunk does not start where the upload ends; the upload is as it was. */
export class UploadRangeError extends OciError {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super("RANGE_INVALID", message, { detail: { offset } });
    this.offset = offset;
  }
}

/** A blob no larger than this that comes in one request is held in memory and written at once under its own key. */
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
}) {
  const { store, metadata, clock } = parts;
  const locks = createUploadLocks();
  const sessions = createUploadSessions(store);
  let heldInMemoryBytes = 0;

  const fitsInMemory = ({ lengthBytes }: Chunk): boolean =>
    lengthBytes !== undefined &&
    lengthBytes <= wholeInMemoryBytes &&
    heldInMemoryBytes + lengthBytes <= memoryBudgetBytes;

  /** Takes a small blob into memory, checks it, and writes it once under its own key. */
  const storeWhole = async (
    repository: RepositoryName,
    digest: Digest,
    chunk: Chunk,
    moved: () => void,
    uploadId?: string,
  ): Promise<void> => {
    const held = chunk.lengthBytes ?? 0;
    heldInMemoryBytes += held;
    try {
      const bytes = await gather(measured(chunk, moved));
      const found = digestOf(bytes, algorithmOf(digest));
      if (found !== digest) throw mismatch(digest, found);
      const storageKey = await store.put(digest, bytes);
      await record({ repository, digest, sizeBytes: bytes.length, storageKey, uploadId });
    } finally {
      heldInMemoryBytes -= held;
    }
  };

  const find = async (repository: RepositoryName, id: string): Promise<UploadRow> => {
    const row = await metadata.uploads.find(id);
    if (row === undefined || row.repository !== repository) throw unknownUpload();
    return row;
  };

  /** Does the work as the upload's only writer. */
  const asWriter = async <T>(
    repository: RepositoryName,
    id: string,
    work: (row: UploadRow, hold: UploadHold) => Promise<T>,
  ): Promise<T> => {
    await find(repository, id);
    const hold = await locks.acquire(id);
    if (hold === undefined) {
      const offset = await store.uploadSize((await find(repository, id)).storage_reference);
      throw new UploadRangeError("another request is writing to this upload", offset);
    }
    try {
      return await work(await find(repository, id), hold);
    } finally {
      hold.release();
    }
  };

  /** Appends a chunk at the upload's end. What arrived before the client went away is kept. */
  const append = async (row: UploadRow, hold: UploadHold, chunk: Chunk): Promise<number> => {
    const offset = await store.uploadSize(row.storage_reference);
    checkRange(chunk, offset);
    if (clock() - row.touched_at > rewriteAfterMs)
      await metadata.run("touchUpload", { id: row.id, nowMs: clock() });
    const stop = (): void =>
      void chunk.source.destroy(new Error("a newer request has taken over the upload"));
    hold.letGo.addEventListener("abort", stop, { once: true });
    try {
      return await store.append(
        row.storage_reference,
        offset,
        sessions.tap(row.id, offset, measured(chunk, hold.moved)),
      );
    } finally {
      hold.letGo.removeEventListener("abort", stop);
    }
  };

  const discard = async (row: UploadRow): Promise<void> => {
    sessions.forget(row.id);
    await metadata.run("endUpload", { id: row.id });
    await store.abort(row.storage_reference);
  };

  /** Records a blob whose bytes are durable under `storageKey`. Bytes that were here already are not kept twice. */
  const record = async (blob: {
    readonly repository: RepositoryName;
    readonly digest: Digest;
    readonly sizeBytes: number;
    readonly storageKey: string;
    readonly uploadId: string | undefined;
  }): Promise<void> => {
    const nowMs = clock();
    const outcome = await metadata.run("storeBlob", {
      ...blob,
      nowMs,
      leasedUntilMs: nowMs + leaseMs,
    });
    if (outcome === "duplicate") await store.delete(blob.storageKey);
  };

  const closeStored = async (row: UploadRow, digest: Digest): Promise<void> => {
    const sizeBytes = await store.uploadSize(row.storage_reference);
    const found = await sessions.digest(
      row.id,
      algorithmOf(digest),
      row.storage_reference,
      sizeBytes,
    );
    if (found !== digest) {
      await discard(row);
      throw mismatch(digest, found);
    }
    let storageKey: string;
    try {
      storageKey = await store.commit(row.storage_reference, digest);
    } catch (error) {
      await discard(row).catch(() => undefined);
      throw error;
    }
    await record({ repository: row.repository, digest, sizeBytes, storageKey, uploadId: row.id });
  };

  return {
    /** Opens a session. `algorithm` is a hint: the session may close with another. */
    async start(repository: RepositoryName, algorithm?: DigestAlgorithm): Promise<string> {
      const id = randomUUID();
      const nowMs = clock();
      const storage_reference = await store.begin();
      await metadata.run("startUpload", {
        id,
        repository,
        storage_reference,
        started_at: nowMs,
        touched_at: nowMs,
      });
      if (algorithm !== undefined) sessions.expect(id, algorithm);
      return id;
    },

    /** Bytes the session holds. */
    async status(repository: RepositoryName, id: string): Promise<number> {
      return store.uploadSize((await find(repository, id)).storage_reference);
    },

    /** Appends a chunk and resolves with the new size. Throws {@link UploadRangeError} if it belongs elsewhere. */
    append: (repository: RepositoryName, id: string, chunk: Chunk): Promise<number> =>
      asWriter(repository, id, (row, hold) => append(row, hold, chunk)),

    /**
     * Closes the session, with a last chunk if one is given: when it resolves, the blob is durable. Throws
     * DIGEST_INVALID (and forgets the session) if the bytes have another digest. A session that is gone because
     * the same request succeeded before is a success again.
     */
    async finish(
      repository: RepositoryName,
      id: string,
      digest: Digest,
      chunk: Chunk | undefined,
    ): Promise<void> {
      try {
        await asWriter(repository, id, async (row, hold) => {
          if (
            chunk !== undefined &&
            fitsInMemory(chunk) &&
            (await store.uploadSize(row.storage_reference)) === 0
          ) {
            checkRange(chunk, 0);
            sessions.forget(row.id);
            try {
              return await storeWhole(repository, digest, chunk, hold.moved, row.id);
            } catch (error) {
              if (error instanceof OciError && error.code === "DIGEST_INVALID") await discard(row);
              throw error;
            }
          }
          if (chunk !== undefined) await append(row, hold, chunk);
          await closeStored(row, digest);
        });
      } catch (error) {
        const again = error instanceof OciError && error.code === "BLOB_UPLOAD_UNKNOWN";
        if (!again || (await metadata.blobs.find(repository, digest)) === undefined) throw error;
      }
    },

    /** A whole blob in one request, without a session that the client would see. Throws DIGEST_INVALID. */
    async pushWhole(repository: RepositoryName, digest: Digest, chunk: Chunk): Promise<void> {
      if (fitsInMemory(chunk)) return await storeWhole(repository, digest, chunk, () => undefined);
      const id = await this.start(repository, algorithmOf(digest));
      try {
        await this.finish(repository, id, digest, chunk);
      } catch (error) {
        await this.cancel(repository, id).catch(() => undefined);
        throw error;
      }
    },

    /** Forgets a session and its bytes. */
    cancel: (repository: RepositoryName, id: string): Promise<void> =>
      asWriter(repository, id, discard),

    /** Forgets sessions that nobody has touched since. Resolves with their number. */
    async expire(beforeMs: number): Promise<number> {
      const rows = await metadata.uploads.idleSince(beforeMs, 1_000);
      const idle = rows.filter((row) => !locks.isHeld(row.id));
      for (const row of idle) await discard(row);
      return idle.length;
    },

    /** Removes bytes in the store that belong to no session: what a crash between two steps left behind. */
    async sweep(): Promise<number> {
      // First the store, then the rows: a session is recorded before its first byte is written.
      const stored: string[] = [];
      for await (const reference of store.listUploads()) stored.push(reference);
      const known = await metadata.uploads.storageReferences();
      const orphans = stored.filter((reference) => !known.has(reference));
      for (const reference of orphans) await store.abort(reference);
      return orphans.length;
    },
  };
}

function checkRange(chunk: Chunk, offset: number): void {
  const { range, lengthBytes } = chunk;
  if (range === undefined) return;
  if (range.start !== offset)
    throw new UploadRangeError(
      `the chunk starts at ${range.start}, the upload ends at ${offset}`,
      offset,
    );
  const declared = range.end - range.start + 1;
  if (lengthBytes !== undefined && lengthBytes !== declared) {
    throw new OciError(
      "SIZE_INVALID",
      `Content-Range says ${declared} bytes, Content-Length ${lengthBytes}`,
    );
  }
}

/** The chunk's bytes, never more or less than its headers say. */
async function* measured(chunk: Chunk, moved: () => void): ByteSource {
  const declared =
    chunk.range === undefined ? chunk.lengthBytes : chunk.range.end - chunk.range.start + 1;
  let received = 0;
  // Left early, the source stays as it is: the connection still carries the answer.
  const pieces = chunk.source.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  for await (const piece of pieces) {
    received += piece.length;
    if (declared !== undefined && received > declared) throw sizeInvalid(declared, received);
    moved();
    yield piece;
  }
  if (declared !== undefined && received !== declared) throw sizeInvalid(declared, received);
}

async function gather(source: ByteSource): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
}

const sizeInvalid = (declared: number, received: number): OciError =>
  new OciError("SIZE_INVALID", `the request announced ${declared} bytes, ${received} came`);

const unknownUpload = (): OciError => new OciError("BLOB_UPLOAD_UNKNOWN");

const mismatch = (expected: Digest, found: Digest): OciError =>
  new OciError("DIGEST_INVALID", "the content has another digest", { detail: { expected, found } });
