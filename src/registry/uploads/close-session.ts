import type { Database } from "../../database/contract.ts";
import type { Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { checkRange, type Chunk } from "./chunk.ts";
import { storedBytes, withUploadLock, type LockedSession } from "./locked-session.ts";
import type { UploadLock } from "./locks.ts";
import type { SessionRequest } from "./sessions.ts";
import { closeWithHeldBlob, closeWithSmallBlob, type SmallBlobs } from "./small-blobs.ts";
import {
  appendChunk,
  commitUpload,
  discardUpload,
  type StoredUploadParts,
} from "./stored-upload.ts";

interface ClosingParts extends StoredUploadParts {
  readonly database: Pick<Database, "blobs" | "commands">;
  readonly smallBlobs: SmallBlobs;
}

/**
 * Closes a session; see `finish` of the uploads. A retry of a successful request succeeds again, although its session is
 * gone.
 */
export async function finishSession(
  parts: ClosingParts,
  request: SessionRequest,
  digest: Digest,
  chunk: Chunk | undefined,
): Promise<void> {
  try {
    if (!(await closeWithoutLock(parts, request, digest, chunk)))
      await withUploadLock(
        parts,
        request,
        (session) => closeSession(parts, session, digest, chunk),
        { ends: true },
      );
  } catch (error) {
    if (!(error instanceof OciError && error.code === "BLOB_UPLOAD_UNKNOWN")) throw error;
    const { repository, id } = request;
    const isOpen = (await parts.sessions.find(id)) !== undefined;
    if (isOpen || (await parts.database.blobs.find(repository, digest)) === undefined) throw error;
  }
}

/** A request that writes nothing to the upload needs no lock: its command that deletes the row decides. */
const noLock: UploadLock = {
  abortSignal: new AbortController().signal,
  heartbeat: () => undefined,
  release: () => undefined,
  acquiredWithoutWaiting: true,
};

/**
 * Closes a session with a small blob, where a lock costs a round trip to the database. Resolves with false if the session
 * needs the lock, because it may have bytes.
 */
async function closeWithoutLock(
  parts: ClosingParts,
  request: SessionRequest,
  digest: Digest,
  chunk: Chunk | undefined,
): Promise<boolean> {
  if (parts.locks.areRows !== true || chunk === undefined || !parts.smallBlobs.fits(chunk))
    return false;
  const row = await parts.sessions.get(request);
  if (row.held_until !== null) return false;
  const session = { row, actor: request.actor, lock: noLock };
  await discardingOnWrongDigest(parts, session, async () => {
    checkRange(chunk, 0);
    await closeWithSmallBlob(parts, session, digest, chunk);
  });
  return true;
}

/** Handles the closing request of a session. A small blob that arrives completely in this request or just before it costs one transaction. */
function closeSession(
  parts: ClosingParts,
  session: LockedSession,
  digest: Digest,
  chunk: Chunk | undefined,
): Promise<void> {
  const held = chunk === undefined ? parts.sessions.heldForClose(session.row.id) : undefined;
  if (held !== undefined) return closeWithHeldBlob(parts, session, digest, held);
  return discardingOnWrongDigest(parts, session, async () => {
    if (chunk === undefined) return await commitUpload(parts, session, digest);
    if (parts.smallBlobs.fits(chunk) && (await storedBytes(parts, session.row)) === 0) {
      checkRange(chunk, 0);
      return await closeWithSmallBlob(parts, session, digest, chunk);
    }
    await appendChunk(parts, session, chunk, { digest });
    await commitUpload(parts, session, digest);
  });
}

async function discardingOnWrongDigest(
  parts: ClosingParts,
  { row }: LockedSession,
  close: () => Promise<void>,
): Promise<void> {
  try {
    await close();
  } catch (error) {
    if (error instanceof OciError && error.code === "DIGEST_INVALID")
      await discardUpload(parts, row);
    throw error;
  }
}
