import { algorithmOf, digestOf, type Digest } from "../../oci/digest.ts";
import type { BlobKey, BlobStore, ByteSource } from "../../../storage/blob-store.ts";
import { wrongDigest } from "../errors.ts";
import type { RecentBlobs } from "../recent-blobs.ts";
import { withCheckedLength, type Chunk, type UploadQuota } from "./chunk.ts";
import { untilTakenOver, type LockedSession } from "./locked-session.ts";
import { isRefused, recordBlob, type StoredUploadParts } from "./stored-upload.ts";

/** A blob of at most this size that arrives in one request is held in memory and written once, under its final key. */
const wholeInMemoryBytes = 256 * 1024;
/** The limit for all blobs in memory. Above it, small blobs use an upload as large ones do. */
const memoryBudgetBytes = 32 * 1024 * 1024;

export interface SmallBlobs {
  /** Whether the blob that consists of this chunk is held in memory. */
  fits(chunk: Chunk): boolean;
  /**
   * Reads the blob into memory, verifies its digest, and writes it once, under its final key. Resolves when the bytes
   * are durable. Throws SIZE_INVALID and DIGEST_INVALID. Calls `heartbeat` for every piece.
   */
  store(
    digest: Digest,
    chunk: Chunk,
    heartbeat?: () => void,
  ): Promise<{ readonly storageKey: BlobKey; readonly sizeBytes: number }>;
}

export function createSmallBlobs(parts: {
  readonly store: Pick<BlobStore, "put">;
  readonly quota: Pick<UploadQuota, "checkSize">;
  readonly recentBlobs: RecentBlobs;
}): SmallBlobs {
  const { store, quota, recentBlobs } = parts;
  let heldBytes = 0;

  return {
    fits: ({ lengthBytes }) =>
      lengthBytes !== undefined &&
      lengthBytes <= wholeInMemoryBytes &&
      heldBytes + lengthBytes <= memoryBudgetBytes,

    async store(digest, chunk, heartbeat = () => undefined) {
      const lengthBytes = chunk.lengthBytes ?? 0;
      quota.checkSize(lengthBytes);
      heldBytes += lengthBytes;
      try {
        const bytes = await gather(withCheckedLength(chunk, heartbeat));
        const found = digestOf(bytes, algorithmOf(digest));
        if (found !== digest) throw wrongDigest("content", digest, found);
        const storageKey = await store.put(digest, bytes);
        recentBlobs.keep(digest, bytes);
        return { storageKey, sizeBytes: bytes.length };
      } finally {
        heldBytes -= lengthBytes;
      }
    },
  };
}

async function gather(source: ByteSource): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
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
