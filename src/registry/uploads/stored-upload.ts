import type { BlobStore, ByteSource } from "../../../storage/blob-store.ts";
import type { Database } from "../../database/contract.ts";
import type { Actor } from "../../database/permissions/authority.ts";
import { NotAuthorizedError } from "../../database/permissions/check.ts";
import type { PushRules } from "../../database/registry/repository-creation.ts";
import type { UploadRow } from "../../database/registry/schema.ts";
import { algorithmOf, isEmptyDigest, type Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { describeFailure, rejectionError, wrongDigest } from "../errors.ts";
import { rewriteAfterMs, type Clock, type LeasePolicy } from "../leases.ts";
import { checkRange, withCheckedLength, type Chunk, type UploadQuota } from "./chunk.ts";
import {
  storedBytes,
  untilTakenOver,
  whileOwned,
  type LockedSession,
  type LockingParts,
} from "./locked-session.ts";
import type { RunningDigests } from "./running-digest.ts";

/** HTTP 507 Insufficient Storage. */
const fullStatus = 507;

export interface StoredUploadParts extends LockingParts {
  readonly database: Pick<Database, "commands">;
  readonly rules: PushRules;
  readonly leasePolicy: LeasePolicy;
  readonly clock: Clock;
  readonly runningDigests: RunningDigests;
  readonly quota: UploadQuota;
}

/**
 * Appends a chunk at the end of the upload, and resolves with the new size in bytes. If the client disconnects, the
 * received bytes are kept. If the registry refuses the upload, the session ends and its bytes are deleted.
 * @param options.digest the digest that the client has announced for the blob
 * @param options.bytes the bytes of the chunk, if their begin was read from its source already
 */
export async function appendChunk(
  parts: StoredUploadParts,
  session: LockedSession,
  chunk: Chunk,
  options: { readonly digest?: Digest; readonly bytes?: ByteSource } = {},
): Promise<number> {
  const { row, lock } = session;
  const { digest, bytes = withCheckedLength(chunk, lock.heartbeat) } = options;
  const offset = await storedBytes(parts, row);
  checkRange(chunk, offset);
  try {
    await parts.sessions.persist(row.id);
    const admitted = await parts.quota.admit(row, offset, chunk, digest);
    return await appendBytes(parts, session, chunk, { offset, bytes: admitted(bytes) });
  } catch (error) {
    if (isRefused(error)) await discardUpload(parts, row);
    throw error;
  }
}

/** Writes a chunk from memory to the store, as the first of a session that has a row. Throws the errors of a chunk. */
export async function storeHeldChunk(
  parts: Pick<StoredUploadParts, "store" | "quota" | "runningDigests">,
  row: UploadRow,
  held: Uint8Array,
): Promise<void> {
  const { store, quota, runningDigests } = parts;
  const { id, storage_reference: reference } = row;
  const admitted = await quota.admit(row, 0, { lengthBytes: held.length }, undefined);
  try {
    await store.append(reference, 0, runningDigests.tap(id, 0, admitted(piece(held))));
  } catch (error) {
    runningDigests.forget(id);
    await store.abort(reference).catch(() => undefined);
    throw error;
  }
}

async function* piece(bytes: Uint8Array): ByteSource {
  yield bytes;
}

/** Whether the registry refuses the upload: the blob is too large, the quota is exceeded, or the permission is gone. */
export function isRefused(error: unknown): boolean {
  return (
    error instanceof NotAuthorizedError ||
    (error instanceof OciError && (error.code === "DENIED" || error.status === 413))
  );
}

async function appendBytes(
  parts: StoredUploadParts,
  { row, lock }: LockedSession,
  chunk: Chunk,
  { offset, bytes }: { readonly offset: number; readonly bytes: ByteSource },
): Promise<number> {
  const { store, database, clock, runningDigests } = parts;
  if (clock() - row.touched_at > rewriteAfterMs)
    await database.commands.touchUpload({ id: row.id, nowMs: clock() });
  try {
    const hashed = runningDigests.tap(row.id, offset, bytes);
    const { ownership } = lock;
    const source = ownership === undefined ? hashed : whileOwned(ownership, hashed);
    return await untilTakenOver(lock, chunk, () =>
      store.append(row.storage_reference, offset, source),
    );
  } catch (error) {
    // The running digest may include bytes that were not written. Another process may append other bytes at that
    // offset.
    runningDigests.forget(row.id);
    if (describeFailure(error)?.status === fullStatus) await freeSpace(parts, row);
    throw error;
  }
}

/**
 * Turns the upload into a blob of the repository, and ends the session. When it resolves, the blob is durable. Throws
 * DIGEST_INVALID, and BLOB_UPLOAD_UNKNOWN if there are no bytes.
 */
export async function commitUpload(
  parts: StoredUploadParts,
  { row, actor }: LockedSession,
  digest: Digest,
): Promise<void> {
  const { store, sessions, runningDigests } = parts;
  const { id, repository, storage_reference: reference } = row;
  try {
    await sessions.persist(id);
  } catch (error) {
    if (isRefused(error)) await discardUpload(parts, row);
    throw error;
  }
  const sizeBytes = await store.uploadSize(reference);
  // A crash after the rename of the file and before the write of its row leaves an upload without bytes, which cannot
  // be closed. BLOB_UPLOAD_UNKNOWN makes the client start again. DIGEST_INVALID would tell it that its content is
  // wrong.
  if (sizeBytes === 0 && !isEmptyDigest(digest)) {
    await discardUpload(parts, row);
    throw new OciError("BLOB_UPLOAD_UNKNOWN", "the upload has no bytes: start a new one");
  }
  const found = await runningDigests.digest(id, algorithmOf(digest), reference, sizeBytes);
  if (found !== digest) throw wrongDigest("content", digest, found);
  let storageKey: string;
  try {
    storageKey = await store.commit(reference, digest);
  } catch (error) {
    // The store cannot repeat a failed commit.
    await discardUpload(parts, row).catch(() => undefined);
    throw error;
  }
  await recordBlob(parts, { actor, repository, digest, sizeBytes, storageKey, uploadId: id });
}

/** A blob whose bytes are durable under `storageKey`. */
interface DurableBlob {
  readonly actor: Actor;
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly storageKey: string;
  /** The upload session with a row, which ends with the record; `undefined`: there is none. */
  readonly uploadId: string | undefined;
}

/**
 * Records a blob whose bytes are durable, and links it in its repository. When it resolves, a crash loses nothing, and
 * the client may get 201. If the registry already has the blob, deletes the new bytes. Throws BLOB_UPLOAD_UNKNOWN if
 * another request has ended the upload, NotAuthorizedError, and the errors of a rejection; all of them delete the bytes.
 */
export async function recordBlob(
  parts: {
    readonly store: Pick<BlobStore, "delete">;
    readonly database: Pick<Database, "commands">;
    readonly leasePolicy: LeasePolicy;
    readonly rules: PushRules;
  },
  blob: DurableBlob,
): Promise<void> {
  const { store, database, leasePolicy, rules } = parts;
  const outcome = await database.commands
    .storeBlob({ ...blob, rules, ...leasePolicy.newLease() })
    .catch((error: unknown) => {
      // Any other error may hide a successful commit. The row then owns the bytes, so do not delete them.
      if (error instanceof NotAuthorizedError) return error;
      throw error;
    });
  if (outcome === "stored") return;
  await store.delete(blob.storageKey);
  if (outcome === "gone") throw new OciError("BLOB_UPLOAD_UNKNOWN");
  if (outcome === "duplicate") return;
  if (blob.uploadId !== undefined) await database.commands.endUpload({ id: blob.uploadId });
  throw outcome instanceof NotAuthorizedError ? outcome : rejectionError(outcome, blob.repository);
}

/** Ends the session and deletes its bytes. */
export async function discardUpload(
  { store, database, sessions, runningDigests }: StoredUploadParts,
  { id, storage_reference }: UploadRow,
): Promise<void> {
  runningDigests.forget(id);
  if (!(await sessions.forget(id))) return;
  await database.commands.endUpload({ id });
  await store.abort(storage_reference);
}

/**
 * Ends an upload when the disk is full, so that its bytes do not stay until it expires. The bytes are deleted first:
 * the delete of the row may need their space.
 */
async function freeSpace(parts: StoredUploadParts, row: UploadRow): Promise<void> {
  await parts.store.abort(row.storage_reference).catch(() => undefined);
  await discardUpload(parts, row).catch(() => undefined);
}
