import type { BlobStore, ByteSource } from "../../../storage/blob-store.ts";
import type { Actor } from "../../database/events/audit.ts";
import type { Database } from "../../database/database.ts";
import { NotAuthorizedError } from "../../database/permissions/check.ts";
import type { PushRules } from "../../database/registry/repository-creation.ts";
import type { EndedUpload } from "../../database/registry/repository-removal.ts";
import type { UploadRow } from "../../database/schema.ts";
import {
  algorithmOf,
  digestOf,
  isEmptyDigest,
  type Digest,
  type DigestAlgorithm,
} from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { rewriteAfterMs, type Clock, type LeasePolicy } from "../leases.ts";
import type { RecentBlobs } from "../recent-blobs.ts";
import { describeFailure } from "../failures.ts";
import { rejectionError } from "../rejections.ts";
import { checkRange, gather, measured, UploadRangeError, type Chunk } from "./chunk.ts";
import { createRunningDigests, mismatch } from "./running-digest.ts";
import { createUploadLocks, type UploadLock, type UploadLocks } from "./locks.ts";
import { createSessionCount, createUploadQuota, type UploadLimits } from "./reservations.ts";
import { findSession, rowOf, type SessionRequest, type UploadSession } from "./session.ts";
import { createUploadSessions } from "./sessions.ts";

/** A blob of at most this size that arrives in one request is held in memory and written once, under its final key. */
const wholeInMemoryBytes = 256 * 1024;
/** HTTP 507 Insufficient Storage. */
const fullStatus = 507;
/** The limit for all blobs in memory. Above it, small blobs use an upload as large ones do. */
const memoryBudgetBytes = 32 * 1024 * 1024;

const defaultLimits: UploadLimits = { blobBytes: undefined, sessionsPerAccount: 1_000 };

/** Whether the registry rejects the upload: the blob is too large, the quota is exceeded, or the permission is gone. */
const isRefused = (error: unknown): boolean =>
  error instanceof NotAuthorizedError ||
  (error instanceof OciError && (error.code === "DENIED" || error.status === 413));

export type Uploads = ReturnType<typeof createUploads>;

/**
 * Uploads of blobs. A session is a row that belongs to a repository and an account. Its bytes are in the store, so that
 * it survives a restart of this process. Throws BLOB_UPLOAD_UNKNOWN if the session has ended or belongs to another
 * account.
 */
export function createUploads(parts: {
  readonly store: BlobStore;
  readonly database: Pick<Database, "uploads" | "blobs" | "repositories" | "quotas" | "run">;
  readonly clock: Clock;
  readonly leasePolicy: LeasePolicy;
  readonly recentBlobs: RecentBlobs;
  readonly rules: PushRules;
  readonly limits?: UploadLimits | undefined;
  /** The locks of all processes; `undefined` if there is one process. */
  readonly locks?: UploadLocks | undefined;
}) {
  const { store, database, clock, leasePolicy, recentBlobs, rules } = parts;
  const { limits = defaultLimits } = parts;
  const { locks = createUploadLocks() } = parts;
  const sessions = createUploadSessions(database);
  const runningDigests = createRunningDigests(store);
  let heldInMemoryBytes = 0;
  const { largestBlobBytes = Infinity } = store.capabilities;
  const uploadQuota = createUploadQuota({
    ...{ database, rules, largestBytes: Math.min(largestBlobBytes, limits.blobBytes ?? Infinity) },
  });

  const find = (request: SessionRequest): Promise<UploadSession> => findSession(sessions, request);

  /** The number of bytes that the store has of the session. */
  const sizeOf = async ({ id, storage_reference }: UploadRow): Promise<number> =>
    sessions.isUnpersisted(id) ? 0 : store.uploadSize(storage_reference);

  /** Runs `work` as the only writer of the upload. Throws {@link UploadRangeError} if another request is writing. */
  const asWriter = async <T>(
    request: SessionRequest,
    work: (row: UploadSession, lock: UploadLock) => Promise<T>,
  ): Promise<T> => {
    const row = await find(request);
    const lock = await locks.acquire(row.id);
    if (lock === undefined) {
      const offset = await sizeOf(await find(request));
      throw new UploadRangeError("another request is writing to this upload", offset);
    }
    try {
      // The previous holder of the lock may have closed the session: read it again.
      return await work(lock.acquiredWithoutWaiting ? row : await find(request), lock);
    } finally {
      lock.release();
    }
  };

  const discard = async (row: UploadRow): Promise<void> => {
    runningDigests.forget(row.id);
    if (!(await sessions.forget(row.id))) return;
    await database.run("endUpload", { id: row.id });
    await store.abort(row.storage_reference);
  };

  const countSession = createSessionCount({
    ...{ database, clock, limit: limits.sessionsPerAccount, endOldest: discard },
    withoutRow: (accountId) => sessions.unpersistedOf(accountId),
  });

  /**
   * Ends an upload when the disk is full, so that its bytes do not stay until it expires. The bytes are deleted first:
   * the delete of the row may need their space.
   */
  const giveBack = async (row: UploadRow): Promise<void> => {
    await store.abort(row.storage_reference).catch(() => undefined);
    await discard(row).catch(() => undefined);
  };

  /**
   * Records a blob whose bytes are durable under `storageKey`. If the registry already has the blob, deletes the new
   * bytes.
   */
  const record = async (blob: {
    readonly actor: Actor;
    readonly repository: RepositoryName;
    readonly digest: Digest;
    readonly sizeBytes: number;
    readonly storageKey: string;
    readonly uploadId: string | undefined;
  }): Promise<void> => {
    const outcome = await database
      .run("storeBlob", { ...blob, rules, ...leasePolicy.newLease() })
      .catch((error: unknown) => {
        // Any other error may hide a successful commit. The row then owns the bytes, so do not delete them.
        if (error instanceof NotAuthorizedError) return error;
        throw error;
      });
    if (outcome === "stored") return;
    await store.delete(blob.storageKey);
    if (outcome === "gone") throw new OciError("BLOB_UPLOAD_UNKNOWN");
    if (outcome === "duplicate") return;
    if (blob.uploadId !== undefined) await database.run("endUpload", { id: blob.uploadId });
    throw outcome instanceof NotAuthorizedError
      ? outcome
      : rejectionError(outcome, blob.repository);
  };

  const fitsInMemory = ({ lengthBytes }: Chunk): boolean =>
    lengthBytes !== undefined &&
    lengthBytes <= wholeInMemoryBytes &&
    heldInMemoryBytes + lengthBytes <= memoryBudgetBytes;

  /**
   * Records the blob of a session. The session ends on success and on rejection. It stays open after any other error.
   */
  const recordSession = async (
    row: UploadSession,
    blob: Omit<Parameters<typeof record>[0], "uploadId">,
  ): Promise<void> => {
    const hasRow = await sessions.forget(row.id);
    try {
      await record({ ...blob, uploadId: hasRow ? row.id : undefined });
    } catch (error) {
      if (!hasRow && !isRefused(error)) sessions.begin(rowOf(row));
      throw error;
    }
  };

  /** Reads a small blob into memory, verifies its digest, and writes it once, under its final key. */
  const storeWhole = async (blob: {
    readonly actor: Actor;
    readonly repository: RepositoryName;
    readonly digest: Digest;
    readonly chunk: Chunk;
    readonly session?: { readonly row: UploadSession; readonly lock: UploadLock };
  }): Promise<void> => {
    const { actor, repository, digest, chunk, session } = blob;
    const held = chunk.lengthBytes ?? 0;
    uploadQuota.checkSize(held);
    heldInMemoryBytes += held;
    try {
      const bytes = await gather(measured(chunk, session?.lock.heartbeat ?? (() => undefined)));
      const found = digestOf(bytes, algorithmOf(digest));
      if (found !== digest) throw mismatch(digest, found);
      const storageKey = await store.put(digest, bytes);
      recentBlobs.keep(repository, digest, bytes);
      const stored = { actor, repository, digest, sizeBytes: bytes.length, storageKey };
      await (session === undefined
        ? record({ ...stored, uploadId: undefined })
        : recordSession(session.row, stored));
    } finally {
      heldInMemoryBytes -= held;
    }
  };

  /**
   * Appends a chunk at the end of the upload. If the client disconnects, the received bytes are kept. If the blob is
   * too large or the quota is exceeded, the upload ends and its bytes are deleted.
   */
  const append = async (
    row: UploadRow,
    lock: UploadLock,
    chunk: Chunk,
    digest?: Digest,
  ): Promise<number> => {
    const offset = await sizeOf(row);
    checkRange(chunk, offset);
    await sessions.settle(row.id);
    try {
      const admitted = await uploadQuota.admit(row, offset, chunk, digest);
      return await appendAt(row, lock, offset, admitted(measured(chunk, lock.heartbeat)), chunk);
    } catch (error) {
      if (isRefused(error)) await discard(row);
      throw error;
    }
  };

  const appendAt = async (
    row: UploadRow,
    lock: UploadLock,
    offset: number,
    source: ByteSource,
    chunk: Chunk,
  ): Promise<number> => {
    if (clock() - row.touched_at > rewriteAfterMs) {
      await database.run("touchUpload", { id: row.id, nowMs: clock() });
    }
    const stop = (): void =>
      void chunk.source.destroy(new Error("a newer request has taken over the upload"));
    lock.abortSignal.addEventListener("abort", stop, { once: true });
    try {
      return await store.append(
        row.storage_reference,
        offset,
        runningDigests.tap(row.id, offset, source),
      );
    } catch (error) {
      // The running digest may include bytes that were not written. Another process may append other bytes at that
      // offset.
      runningDigests.forget(row.id);
      if (describeFailure(error)?.status === fullStatus) await giveBack(row);
      throw error;
    } finally {
      lock.abortSignal.removeEventListener("abort", stop);
    }
  };

  /**
   * Turns the upload into a blob. `close` deletes the upload if its digest is wrong; a failed commit deletes it here.
   */
  const closeStored = async (row: UploadSession, digest: Digest): Promise<void> => {
    const reference = row.storage_reference;
    await sessions.settle(row.id);
    const sizeBytes = await store.uploadSize(reference);
    // A crash after the rename of the file and before the write of its row leaves an upload without bytes, which cannot
    // be closed. BLOB_UPLOAD_UNKNOWN makes the client start again. DIGEST_INVALID would tell it that its content is
    // wrong.
    if (sizeBytes === 0 && !isEmptyDigest(digest)) {
      await discard(row);
      throw new OciError("BLOB_UPLOAD_UNKNOWN", "the upload holds nothing: begin again");
    }
    const found = await runningDigests.digest(row.id, algorithmOf(digest), reference, sizeBytes);
    if (found !== digest) throw mismatch(digest, found);
    let storageKey: string;
    try {
      storageKey = await store.commit(reference, digest);
    } catch (error) {
      await discard(row).catch(() => undefined);
      throw error;
    }
    const { actor, repository, id: uploadId } = row;
    await record({ actor, repository, digest, sizeBytes, storageKey, uploadId });
  };

  /** Handles the closing request of a session. A blob that arrives completely in this request costs one transaction. */
  const close = async (
    row: UploadSession,
    lock: UploadLock,
    digest: Digest,
    chunk: Chunk | undefined,
  ): Promise<void> => {
    const { actor, repository } = row;
    try {
      if (chunk === undefined) return await closeStored(row, digest);
      if (fitsInMemory(chunk) && (await sizeOf(row)) === 0) {
        checkRange(chunk, 0);
        return await storeWhole({ actor, repository, digest, chunk, session: { row, lock } });
      }
      await append(row, lock, chunk, digest);
      await closeStored(row, digest);
    } catch (error) {
      if (error instanceof OciError && error.code === "DIGEST_INVALID") await discard(row);
      throw error;
    }
  };

  /**
   * Opens a session and resolves with its id. `algorithm` is a hint: the session may close with another one. Throws
   * NAME_UNKNOWN if pushes create no repositories, and TOOMANYREQUESTS.
   */
  const start = async (
    actor: Actor,
    repository: RepositoryName,
    algorithm?: DigestAlgorithm,
  ): Promise<string> => {
    // Check now, so that the client does not upload a blob for nothing. If a push may create the repository, the first
    // stored blob or manifest checks the permission.
    if (!rules.createOnPush && (await database.repositories.find(repository)) === undefined)
      throw rejectionError({ rejected: "absent" }, repository);
    await countSession(actor);
    const id = sessions.newId();
    const nowMs = clock();
    const storage_reference = await store.begin();
    const times = { started_at: nowMs, touched_at: nowMs };
    sessions.begin({ id, repository, storage_reference, ...times, account_id: actor.accountId });
    // Another process may get the client's next request, and needs the row.
    if (parts.locks !== undefined) await sessions.settle(id);
    if (algorithm !== undefined) runningDigests.expect(id, algorithm);
    return id;
  };

  /** Deletes a session and its bytes. */
  const cancel = (request: SessionRequest): Promise<void> => asWriter(request, discard);

  /**
   * Closes the session, with a last chunk if `chunk` is given. When it resolves, the blob is durable. Throws
   * DIGEST_INVALID if the bytes have another digest, DENIED if the quota is exceeded (both delete the session), and
   * BLOB_UPLOAD_UNKNOWN if there are no bytes. A retry of a successful request succeeds again, although its session is
   * gone.
   */
  const finish = async (
    request: SessionRequest,
    digest: Digest,
    chunk: Chunk | undefined,
  ): Promise<void> => {
    try {
      await asWriter(request, (row, lock) => close(row, lock, digest, chunk));
    } catch (error) {
      if (!(error instanceof OciError && error.code === "BLOB_UPLOAD_UNKNOWN")) throw error;
      const isOpen = (await sessions.find(request.id)) !== undefined;
      if (isOpen || (await database.blobs.find(request.repository, digest)) === undefined)
        throw error;
    }
  };

  return {
    start,
    cancel,
    finish,

    /** The number of bytes in the session. */
    async status(request: SessionRequest): Promise<number> {
      return sizeOf(await find(request));
    },

    /**
     * Appends a chunk and resolves with the new size in bytes. Throws {@link UploadRangeError} if it starts at another
     * offset.
     */
    append: (request: SessionRequest, chunk: Chunk): Promise<number> =>
      asWriter(request, (row, lock) => append(row, lock, chunk)),

    /**
     * Uploads a blob in one request, without a session that the client can see. Throws the errors of {@link finish}.
     */
    async pushWhole(
      actor: Actor,
      repository: RepositoryName,
      digest: Digest,
      chunk: Chunk,
    ): Promise<void> {
      if (fitsInMemory(chunk)) return await storeWhole({ actor, repository, digest, chunk });
      const id = await start(actor, repository, algorithmOf(digest));
      try {
        await finish({ actor, repository, id }, digest, chunk);
      } catch (error) {
        await cancel({ actor, repository, id }).catch(() => undefined);
        throw error;
      }
    },

    /** Ends the sessions without a row before the repository is deleted. */
    forgetUnpersisted: (repository: RepositoryName): void => sessions.forgetAll(repository),

    /** Deletes the bytes of a session whose row is gone, after the active request has released the lock. */
    abandon: async ({ id, storageReference }: EndedUpload): Promise<void> => {
      const lock = await locks.acquire(id);
      runningDigests.forget(id);
      await store.abort(storageReference);
      lock?.release();
    },

    /** Whether a request is writing to the session now. */
    isHeld: (id: string): Promise<boolean> => locks.isHeld(id),

    /** Writes the pending rows of open sessions, so that another process can continue them. */
    close: (): Promise<void> => sessions.close(),
  };
}
