import type { BlobStore } from "../../../storage/blob-store.ts";
import type { Database } from "../../database/contract.ts";
import type { Actor } from "../../database/permissions/authority.ts";
import type { PushRules } from "../../database/registry/repository-creation.ts";
import type { EndedUpload } from "../../database/registry/repository-removal.ts";
import type { UploadRow } from "../../database/registry/schema.ts";
import { algorithmOf, type Digest, type DigestAlgorithm } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { rejectionError } from "../errors.ts";
import type { Clock, LeasePolicy } from "../leases.ts";
import type { RecentBlobs } from "../recent-blobs.ts";
import { createUploadQuota, type Chunk } from "./chunk.ts";
import { finishSession } from "./close-session.ts";
import { holdOrAppendChunk } from "./held-chunks.ts";
import { createMemoryBudget, type MemoryBudget } from "./memory-budget.ts";
import { storedBytes, withUploadLock } from "./locked-session.ts";
import { createUploadLocks, type UploadLocks } from "./locks.ts";
import { createRunningDigests } from "./running-digest.ts";
import { createSessionCount } from "./session-count.ts";
import { UploadSessions, type SessionRequest } from "./sessions.ts";
import { createSmallBlobs, type SmallBlobs } from "./small-blobs.ts";
import {
  discardUpload,
  recordBlob,
  storeHeldChunk,
  type StoredUploadParts,
} from "./stored-upload.ts";

/** Limits of open uploads, which may change. The quota of their namespace applies too. */
export interface UploadLimits {
  /** The largest blob in bytes; `undefined`: the limit of the store. */
  readonly blobBytes: () => number | undefined;
  /** The sessions that one account may have open. */
  readonly sessionsPerAccount: () => number;
}

interface UploadsInput {
  readonly store: BlobStore;
  readonly database: Pick<
    Database,
    "uploads" | "blobs" | "repositories" | "quotas" | "commands" | "unflushedCommands"
  >;
  readonly clock: Clock;
  readonly leasePolicy: LeasePolicy;
  readonly recentBlobs: RecentBlobs;
  readonly rules: PushRules;
  readonly limits?: UploadLimits | undefined;
  /** The locks of all processes that write to the store; `undefined`: this process is the only one. */
  readonly locks?: UploadLocks | undefined;
  /** Whether other processes serve requests for the same sessions: then a new session gets its row at once. */
  readonly isShared?: boolean | undefined;
}

const defaultLimits: UploadLimits = {
  blobBytes: () => undefined,
  sessionsPerAccount: () => 1_000,
};

export type Uploads = ReturnType<typeof createUploads>;

/**
 * Uploads of blobs. A session is a row that belongs to a repository and an account. Its bytes are in the store, so that
 * it survives a restart of this process. Both may stay in memory for 50 ms after the request that was acknowledged
 * (sessions.ts): a crash loses them. Throws BLOB_UPLOAD_UNKNOWN if the session has ended or belongs to another
 * account.
 */
export function createUploads(input: UploadsInput) {
  const parts = createUploadParts(input);
  const { store, sessions, locks, runningDigests } = parts;
  return {
    /**
     * Opens a session and resolves with its id. `algorithm` is a hint: the session may close with another one. Throws
     * NAME_UNKNOWN if pushes create no repositories, and TOOMANYREQUESTS.
     */
    start: (actor: Actor, repository: RepositoryName, algorithm?: DigestAlgorithm) =>
      startSession(parts, actor, repository, algorithm),

    /** The number of bytes in the session. */
    status: async (request: SessionRequest) => storedBytes(parts, await sessions.get(request)),

    /**
     * Appends a chunk and resolves with the new size in bytes. Throws UploadRangeError if it starts at another
     * offset.
     */
    append: (request: SessionRequest, chunk: Chunk) =>
      withUploadLock(parts, request, (session) => holdOrAppendChunk(parts, session, chunk)),

    /**
     * Closes the session, with a last chunk if `chunk` is given. When it resolves, the blob is durable. Throws
     * DIGEST_INVALID if the bytes have another digest, DENIED if the quota is exceeded (both delete the session), and
     * BLOB_UPLOAD_UNKNOWN if there are no bytes. A retry of a successful request succeeds again, although its session
     * is gone.
     */
    finish: (request: SessionRequest, digest: Digest, chunk: Chunk | undefined) =>
      finishSession(parts, request, digest, chunk),

    /** Uploads a blob in one request, without a session that the client can see. Throws the errors of `finish`. */
    pushWhole: (actor: Actor, repository: RepositoryName, digest: Digest, chunk: Chunk) =>
      pushWhole(parts, { actor, repository, digest }, chunk),

    /** Deletes a session and its bytes. */
    cancel: (request: SessionRequest) => cancelSession(parts, request),

    /** Ends the sessions without a row before the repository is deleted. */
    forgetUnpersisted: (repository: RepositoryName): void => sessions.forgetAll(repository),

    /** Deletes the bytes of a session whose row is gone, after the active request has released the lock. */
    abandon: async ({ id, storageReference }: EndedUpload): Promise<void> => {
      const lock = await locks.acquire(id);
      // Its bytes may be on their way from memory to the store.
      await sessions.forget(id);
      runningDigests.forget(id);
      await store.abort(storageReference);
      await lock?.release(true);
    },

    /** Whether a request is writing to the session now. */
    isHeld: (id: string): Promise<boolean> => locks.isHeld(id),

    /** Writes the pending rows and bytes of open sessions, so that another process can continue them. */
    close: (): Promise<void> => sessions.close(),
  };
}

interface UploadParts extends StoredUploadParts {
  readonly database: UploadsInput["database"];
  readonly isShared: boolean;
  readonly smallBlobs: SmallBlobs;
  readonly memory: MemoryBudget;
  readonly countSession: (actor: Actor) => Promise<void>;
}

function createUploadParts(input: UploadsInput): UploadParts {
  const { store, database, clock, leasePolicy, rules, recentBlobs } = input;
  const { limits = defaultLimits, locks = createUploadLocks() } = input;
  const { largestBlobBytes = Infinity } = store.capabilities;
  const largestBytes = (): number => Math.min(largestBlobBytes, limits.blobBytes() ?? Infinity);
  const quota = createUploadQuota({ database, rules, clock, largestBytes });
  const isShared = input.isShared ?? false;
  // The row of a session without bytes may be lost. The release of its lock, after the first bytes, flushes it.
  const commands = locks.areRows === true ? database.unflushedCommands : database.commands;
  const runningDigests = createRunningDigests(store);
  const memory = createMemoryBudget();
  const storeHeld = (row: UploadRow, held: Uint8Array): Promise<void> =>
    storeHeldChunk({ store, quota, runningDigests }, row, held);
  // Other processes do not see what is in this memory.
  const holding = isShared || locks.areRows === true ? undefined : { memory, store: storeHeld };
  const sessions = new UploadSessions({ ...database, commands }, { isShared, holding });
  const stored = {
    store,
    database,
    clock,
    leasePolicy,
    rules,
    sessions,
    locks,
    runningDigests,
    quota,
  };
  return {
    ...stored,
    isShared,
    memory,
    smallBlobs: createSmallBlobs({ store, quota, recentBlobs, memory }),
    countSession: createSessionCount({
      database,
      clock,
      limit: limits.sessionsPerAccount,
      sessions,
      endOldest: (row) => discardUpload(stored, row),
    }),
  };
}

async function startSession(
  parts: UploadParts,
  actor: Actor,
  repository: RepositoryName,
  algorithm: DigestAlgorithm | undefined,
): Promise<string> {
  const { store, database, clock, rules, sessions, runningDigests } = parts;
  // Check now, so that the client does not upload a blob for nothing. If a push may create the repository, the first
  // stored blob or manifest checks the permission.
  if (!rules.createOnPush && (await database.repositories.find(repository)) === undefined)
    throw rejectionError({ rejected: "absent" }, repository);
  await parts.countSession(actor);
  const id = sessions.newId();
  const nowMs = clock();
  const row = {
    id,
    repository,
    storage_reference: await store.begin(),
    started_at: nowMs,
    touched_at: nowMs,
    account_id: actor.accountId,
  };
  // Another process may get the client's next request, and needs the row.
  if (parts.isShared) await sessions.beginWithRow(row);
  else sessions.begin(row);
  if (algorithm !== undefined) runningDigests.expect(id, algorithm);
  return id;
}

async function pushWhole(
  parts: UploadParts,
  blob: { readonly actor: Actor; readonly repository: RepositoryName; readonly digest: Digest },
  chunk: Chunk,
): Promise<void> {
  const { actor, repository, digest } = blob;
  if (parts.smallBlobs.fits(chunk)) {
    const bytes = await parts.smallBlobs.store(digest, chunk);
    return await recordBlob(parts, { ...blob, ...bytes, uploadId: undefined });
  }
  const id = await startSession(parts, actor, repository, algorithmOf(digest));
  const request = { actor, repository, id };
  try {
    await finishSession(parts, request, digest, chunk);
  } catch (error) {
    await cancelSession(parts, request).catch(() => undefined);
    throw error;
  }
}

function cancelSession(parts: UploadParts, request: SessionRequest): Promise<void> {
  return withUploadLock(parts, request, ({ row }) => discardUpload(parts, row), { ends: true });
}
