import { UploadLostError, type BlobStore, type ByteSource } from "../../../storage/blob-store.ts";
import type { Actor } from "../../database/permissions/authority.ts";
import type { UploadRow } from "../../database/registry/schema.ts";
import { UploadRangeError, type Chunk } from "./chunk.ts";
import type { LockOwnership, UploadLock, UploadLocks } from "./locks.ts";
import type { SessionRequest, UploadSessions } from "./sessions.ts";

export interface LockingParts {
  readonly store: BlobStore;
  readonly sessions: UploadSessions;
  readonly locks: UploadLocks;
}

/** A session whose only writer is the current request. */
export interface LockedSession {
  readonly row: UploadRow;
  /** The actor of the current request. */
  readonly actor: Actor;
  readonly lock: UploadLock;
}

/**
 * Runs `work` as the only writer of the upload. Throws {@link UploadRangeError} if another request is writing.
 * @param options.ends the upload has ended when `work` resolves
 */
export async function withUploadLock<T>(
  parts: LockingParts,
  request: SessionRequest,
  work: (session: LockedSession) => Promise<T>,
  { ends = false }: { readonly ends?: boolean } = {},
): Promise<T> {
  const { sessions, locks } = parts;
  const row = await sessions.get(request);
  const lock = await locks.acquire(row.id);
  if (lock === undefined) {
    const offset = await storedBytes(parts, await sessions.get(request));
    throw new UploadRangeError("another request is writing to this upload", offset);
  }
  let result: T;
  try {
    // The previous holder of the lock may have closed the session: read it again.
    const known = lock.row ?? (lock.acquiredWithoutWaiting ? row : undefined);
    const current = known ?? (await sessions.get(request));
    if (lock.ownership?.isTakenOver === true) await parts.store.takeOver(current.storage_reference);
    result = await work({ row: current, actor: request.actor, lock });
  } catch (error) {
    await releaseSilently(lock);
    throw error;
  }
  await lock.release(ends);
  return result;
}

/** Releases the lock after a failure, whose error the client gets. */
async function releaseSilently(lock: UploadLock): Promise<void> {
  try {
    await lock.release();
  } catch {
    // The lock ends after 3 seconds.
  }
}

/** The number of bytes of the session, in the store or in memory. */
export async function storedBytes(
  { store, sessions }: Pick<LockingParts, "store" | "sessions">,
  { id, storage_reference }: UploadRow,
): Promise<number> {
  return sessions.unpersistedBytes(id) ?? store.uploadSize(storage_reference);
}

/**
 * Passes the bytes on while this process has the lock. After a failure it throws UploadLostError unless the lock is
 * certain, so that the store does not change the state of an upload that another process has continued.
 */
export async function* whileOwned(ownership: LockOwnership, bytes: ByteSource): ByteSource {
  try {
    for await (const piece of bytes) {
      await ownership.confirm();
      yield piece;
    }
  } catch (cause) {
    throw ownership.isCertain() ? cause : new UploadLostError({ cause });
  }
}

/** Reads a chunk. When a newer request takes over the upload, its connection ends and `read` rejects. */
export async function untilTakenOver<T>(
  { abortSignal }: LockedSession["lock"],
  { source }: Chunk,
  read: () => Promise<T>,
): Promise<T> {
  const stop = (): void =>
    void source.destroy(new Error("a newer request has taken over the upload"));
  if (abortSignal.aborted) stop();
  abortSignal.addEventListener("abort", stop, { once: true });
  try {
    return await read();
  } finally {
    abortSignal.removeEventListener("abort", stop);
  }
}
