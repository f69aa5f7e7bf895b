import { algorithmOf, digestOf, type Digest } from "../../oci/digest.ts";
import type { BlobKey, BlobStore, ByteSource } from "../../../storage/blob-store.ts";
import { wrongDigest } from "../errors.ts";
import type { RecentBlobs } from "../recent-blobs.ts";
import { withCheckedLength, type Chunk, type UploadQuota } from "./chunk.ts";
import { joined, wholeInMemoryBytes, type MemoryBudget } from "./memory-budget.ts";
import { untilTakenOver, type LockedSession } from "./locked-session.ts";
import { discardUpload, isRefused, recordBlob, type StoredUploadParts } from "./stored-upload.ts";

export interface SmallBlobs {
  /** Whether the blob that consists of this chunk is held in memory. */
  fits(chunk: Chunk): boolean;
  /**
   * Reads the blob into memory, verifies its digest, and writes it once, under its final key. Resolves when the bytes
   * are durable. Throws SIZE_INVALID and DIGEST_INVALID. Calls `heartbeat` for every piece.
   */
  store(digest: Digest, chunk: Chunk, heartbeat?: () => void): Promise<StoredBytes>;
  /** The same for bytes that are in memory already, and counted there. */
  storeHeld(digest: Digest, bytes: Uint8Array): Promise<StoredBytes>;
}

interface StoredBytes {
  readonly storageKey: BlobKey;
  readonly sizeBytes: number;
}

export function createSmallBlobs(parts: {
  readonly store: Pick<BlobStore, "put">;
  readonly quota: Pick<UploadQuota, "checkSize">;
  readonly recentBlobs: RecentBlobs;
  readonly memory: MemoryBudget;
}): SmallBlobs {
  const { store, quota, recentBlobs, memory } = parts;

  const storeHeld: SmallBlobs["storeHeld"] = async (digest, bytes) => {
    const found = digestOf(bytes, algorithmOf(digest));
    if (found !== digest) throw wrongDigest("content", digest, found);
    const storageKey = await store.put(digest, bytes);
    recentBlobs.keep(digest, bytes);
    return { storageKey, sizeBytes: bytes.length };
  };

  return {
    fits: ({ lengthBytes }) =>
      lengthBytes !== undefined && lengthBytes <= wholeInMemoryBytes && memory.fits(lengthBytes),

    storeHeld,

    async store(digest, chunk, heartbeat = () => undefined) {
      const lengthBytes = chunk.lengthBytes ?? 0;
      quota.checkSize(lengthBytes);
      memory.reserve(lengthBytes);
      try {
        const bytes = await gather(withCheckedLength(chunk, heartbeat));
        return await storeHeld(digest, bytes);
      } finally {
        memory.release(lengthBytes);
      }
    },
  };
}

async function gather(source: ByteSource): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return joined(pieces);
}

/**
 * Closes a session whose only bytes are this chunk. The session ends on success and on rejection. It stays open after
 * any other error.
 */
export async function closeWithSmallBlob(
  parts: StoredUploadParts & { readonly smallBlobs: SmallBlobs },
  { row, actor, lock }: LockedSession,
  digest: Digest,
  chunk: Chunk,
): Promise<void> {
  const { smallBlobs, sessions } = parts;
  const { id, repository } = row;
  const bytes = await untilTakenOver(lock, chunk, () =>
    smallBlobs.store(digest, chunk, lock.heartbeat),
  );
  const hasRow = await sessions.forget(id);
  const uploadId = hasRow ? id : undefined;
  try {
    await recordBlob(parts, { actor, repository, digest, ...bytes, uploadId });
  } catch (error) {
    if (!hasRow && !isRefused(error)) sessions.begin(row);
    throw error;
  }
}

/**
 * Closes a session whose only bytes are in memory. The session ends also after an error, as one does whose file could not
 * become a blob.
 */
export async function closeWithHeldBlob(
  parts: StoredUploadParts & { readonly smallBlobs: SmallBlobs },
  { row, actor }: LockedSession,
  digest: Digest,
  held: Uint8Array,
): Promise<void> {
  const { smallBlobs, sessions, store } = parts;
  const { id, repository } = row;
  try {
    const bytes = await smallBlobs.storeHeld(digest, held);
    const hasRow = await sessions.forget(id);
    // The close of the process has written the bytes meanwhile.
    if (hasRow) await store.abort(row.storage_reference);
    const uploadId = hasRow ? id : undefined;
    await recordBlob(parts, { actor, repository, digest, ...bytes, uploadId });
  } catch (error) {
    await discardUpload(parts, row).catch(() => undefined);
    throw error;
  }
}
