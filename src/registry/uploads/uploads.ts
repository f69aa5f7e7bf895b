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

/** A blob no larger than this that comes in one request is held in memory and written once, under its own key. */
const wholeInMemoryBytes = 256 * 1024;
/** HTTP 507: there is no room for it. */
const fullStatus = 507;
/** What all such blobs together may hold; beyond it they go by way of an upload like large ones. */
const memoryBudgetBytes = 32 * 1024 * 1024;

const defaultLimits: UploadLimits = { blobBytes: undefined, sessionsPerAccount: 1_000 };

/** Whether the registry refuses what the upload brings: too large, no room in the quota, no permission any more. */
const isRefused = (error: unknown): boolean =>
  error instanceof NotAuthorizedError ||
  (error instanceof OciError && (error.code === "DENIED" || error.status === 413));

export type Uploads = ReturnType<typeof createUploads>;

/**
 * Uploads of blobs. A session is a row bound to its repository and its account; its bytes lie in the store, so that it
 * outlives this process. Whoever claims one that is not (or no longer) theirs is told BLOB_UPLOAD_UNKNOWN.
 */
export function createUploads(parts: {
  readonly store: BlobStore;
  readonly database: Pick<Database, "uploads" | "blobs" | "repositories" | "quotas" | "run">;
  readonly clock: Clock;
  readonly leasePolicy: LeasePolicy;
  readonly recentBlobs: RecentBlobs;
  readonly rules: PushRules;
  readonly limits?: UploadLimits | undefined;
  /** Those of all processes that answer; missing: there is only this one. */
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

  /** Bytes that the store holds of it. */
  const sizeOf = async ({ id, storage_reference }: UploadRow): Promise<number> =>
    sessions.isUnpersisted(id) ? 0 : store.uploadSize(storage_reference);

  /** Does the work as the upload's only writer. */
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
      // Who had it before may have closed it.
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
   * Ends an upload that the disk has no room for, so that its bytes do not stay there until it expires. The bytes go
   * first: the row may need their room.
   */
  const giveBack = async (row: UploadRow): Promise<void> => {
    await store.abort(row.storage_reference).catch(() => undefined);
    await discard(row).catch(() => undefined);
  };

  /** Records a blob whose bytes are durable under `storageKey`; bytes that were here already are not kept twice. */
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
        // Any other error may hide a commit: then the bytes are the row's.
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

  /** Records the blob that a session has brought. It ends with that, or when it is refused, and goes on after another error. */
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

  /** Takes a small blob into memory, checks it, and writes it once, under its own key. */
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
   * Appends a chunk at the upload's end. What arrived before the client went away is kept; an upload that is refused
   * because it is too large, or has no room in the quota, ends and gives its bytes back.
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
      // Perhaps hashed and not written; what another process puts in its place would not be hashed here.
      runningDigests.forget(row.id);
      if (describeFailure(error)?.status === fullStatus) await giveBack(row);
      throw error;
    } finally {
      lock.abortSignal.removeEventListener("abort", stop);
    }
  };

  /** Turns what the upload holds into a blob; if it is not what the client says it is, or fails, the upload is gone. */
  const closeStored = async (row: UploadSession, digest: Digest): Promise<void> => {
    const reference = row.storage_reference;
    await sessions.settle(row.id);
    const sizeBytes = await store.uploadSize(reference);
    // An end between the file's new name and its row has taken the bytes out of the session: it can't be closed any
    // more, and a client that hears so begins again, where a wrong digest would have told it that its content is bad.
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

  /** The closing request of a session: a blob that comes whole with it costs one transaction. */
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

  /** Opens a session. `algorithm` is a hint: the session may close with another. Throws NAME_UNKNOWN where a push makes none. */
  const start = async (
    actor: Actor,
    repository: RepositoryName,
    algorithm?: DigestAlgorithm,
  ): Promise<string> => {
    // A whole upload for nothing; where a push may make the repository, its rights are looked at with the first thing stored.
    if (!rules.createOnPush && (await database.repositories.find(repository)) === undefined)
      throw rejectionError({ rejected: "absent" }, repository);
    await countSession(actor);
    const id = sessions.newId();
    const nowMs = clock();
    const storage_reference = await store.begin();
    const times = { started_at: nowMs, touched_at: nowMs };
    sessions.begin({ id, repository, storage_reference, ...times, account_id: actor.accountId });
    // Another process may have the client's next request.
    if (parts.locks !== undefined) await sessions.settle(id);
    if (algorithm !== undefined) runningDigests.expect(id, algorithm);
    return id;
  };

  /** Forgets a session and its bytes. */
  const cancel = (request: SessionRequest): Promise<void> => asWriter(request, discard);

  /**
   * Closes the session, with a last chunk if one is given: when it resolves, the blob is durable. Throws
   * DIGEST_INVALID (and forgets the session) if the bytes have another digest, DENIED (and forgets it) if there is no
   * room for them, BLOB_UPLOAD_UNKNOWN if there are none. A session that is gone because the same request succeeded
   * before is a success again.
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

    /** Bytes the session holds. */
    async status(request: SessionRequest): Promise<number> {
      return sizeOf(await find(request));
    },

    /** Appends a chunk and resolves with the new size. Throws {@link UploadRangeError} if it belongs elsewhere. */
    append: (request: SessionRequest, chunk: Chunk): Promise<number> =>
      asWriter(request, (row, lock) => append(row, lock, chunk)),

    /** A whole blob in one request, without a session that the client would see. Throws as {@link finish}. */
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

    /** The repository is about to go, and with it the sessions that have no row yet. */
    forgetUnpersisted: (repository: RepositoryName): void => sessions.forgetAll(repository),

    /** Removes the bytes of a session whose row is gone, once whoever still writes to it has let go. */
    abandon: async ({ id, storageReference }: EndedUpload): Promise<void> => {
      const lock = await locks.acquire(id);
      runningDigests.forget(id);
      await store.abort(storageReference);
      lock?.release();
    },

    /** Whether a request is writing to the session right now. */
    isHeld: (id: string): Promise<boolean> => locks.isHeld(id),

    /** Makes durable what is open, for whoever goes on with it. */
    close: (): Promise<void> => sessions.close(),
  };
}
