import { UploadOffsetError, type BlobStore, type BorrowedBytes } from "../blob-store.ts";
import { newKey, newUploadReference } from "../keys.ts";
import type { Digest } from "../../src/oci/digest.ts";

interface HeldBlob {
  readonly bytes: Uint8Array;
  readonly createdAtMs: number;
}

/** Stores blobs in the memory of the process, for tests and experiments. Memory use grows with the stored bytes. */
export function createMemoryStore(): BlobStore {
  const blobs = new Map<string, HeldBlob>();
  const uploads = new Map<string, Uint8Array[]>();
  let identity: string | undefined;

  const uploadSize = (upload: string): number =>
    (uploads.get(upload) ?? []).reduce((sum, chunk) => sum + chunk.length, 0);
  const keep = (digest: Digest, bytes: Uint8Array): string => {
    const key = newKey(digest);
    blobs.set(key, { bytes, createdAtMs: Date.now() });
    return key;
  };

  return {
    capabilities: { signedRedirect: false, readsOpenUploads: true, hasLimitedSpace: true },
    stat: async (key) => {
      const blob = blobs.get(key);
      return blob === undefined ? undefined : { sizeBytes: blob.bytes.length };
    },
    open: async (key, range) => {
      const blob = blobs.get(key);
      if (blob === undefined) return undefined;
      const end = range?.end ?? blob.bytes.length - 1;
      if (end >= blob.bytes.length) throw new Error(`the blob ends before byte ${end}`);
      return chunksOf([blob.bytes.subarray(range?.start ?? 0, end + 1)]);
    },
    signedUrl: () => Promise.resolve(undefined),
    put: async (digest, bytes) => keep(digest, Uint8Array.from(bytes)),
    begin: async () => newUploadReference(),
    uploadSize: async (upload) => uploadSize(upload),
    append: async (upload, offset, source) => {
      const size = uploadSize(upload);
      if (size !== offset) throw new UploadOffsetError(offset, size);
      const chunks = uploads.get(upload) ?? [];
      uploads.set(upload, chunks);
      for await (const chunk of source) chunks.push(chunk);
      return uploadSize(upload);
    },
    // No other process has these uploads.
    takeOver: async () => undefined,
    openUpload: async (upload, start = 0) => chunksFrom(uploads.get(upload) ?? [], start),
    commit: async (upload, digest) => {
      const bytes = Buffer.concat(uploads.get(upload) ?? []);
      uploads.delete(upload);
      return keep(digest, bytes);
    },
    abort: async (upload) => void uploads.delete(upload),
    importBlob: async (key, source) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of source) chunks.push(Uint8Array.from(chunk));
      blobs.set(key, { bytes: Buffer.concat(chunks), createdAtMs: Date.now() });
    },
    delete: async (key) => void blobs.delete(key),
    async *list() {
      for (const [key, blob] of blobs)
        yield { key, sizeBytes: blob.bytes.length, createdAtMs: blob.createdAtMs };
    },
    async *listUploads() {
      yield* uploads.keys();
    },
    identity: async () => identity,
    claim: async (id) => {
      identity = id;
    },
    probe: async () => undefined,
    close: async () => undefined,
  };
}

async function* chunksFrom(chunks: readonly Uint8Array[], start: number): BorrowedBytes {
  let at = 0;
  for (const chunk of chunks) {
    const skipped = Math.max(0, start - at);
    if (skipped < chunk.length) yield chunk.subarray(skipped);
    at += chunk.length;
  }
}

async function* chunksOf(chunks: readonly Uint8Array[]): BorrowedBytes {
  for (const chunk of chunks) if (chunk.length > 0) yield chunk;
}
