import {
  UploadOffsetError,
  type BlobKey,
  type BorrowedBytes,
  type ByteSource,
  type UploadMethods,
  type UploadReference,
} from "../blob-store.ts";
import {
  isUploadReference,
  multipartKeyPrefix,
  newKey,
  newMultipartKey,
  newUploadReference,
  uploadOf,
} from "../keys.ts";
import { Append, type AppendTarget } from "./append.ts";
import { multipartPrefix, uploadsPrefix, type Bucket } from "./bucket.ts";
import { assembleForReading, turnIntoBlob, type CommitParts } from "./commit.ts";
import { abortMultipart, listMultiparts } from "./multipart.ts";
import { listObjects } from "./objects.ts";
import type { PartBuffers } from "./part-buffers.ts";
import { S3Failure } from "./requests.ts";
import {
  deleteState,
  emptyState,
  headState,
  loadState,
  sizeOf,
  UploadChangedError,
  type UploadState,
} from "./state.ts";
import { UploadStateCache } from "./upload-state-cache.ts";

interface UploadParts extends CommitParts {
  readonly buffers: PartBuffers;
  /**
   * The uploads to which this process appends. Their state changes, so `uploadSize` does not compare it with the cache.
   */
  readonly busy: Set<UploadReference>;
}

/**
 * Uploads. The driver sends the parts of a large upload directly to the key of the future blob, and a commit assembles
 * the parts without a copy. The alternative, parts as separate objects that the commit copies together, could be read
 * before the commit, but it moves every byte twice, and such reads are rare. So a multipart upload that must be read
 * before its commit (to compute its digest after a restart, or with another algorithm) is assembled first and then
 * read. Clients do not see that object: no row names it until the commit.
 *
 * The remainder of an upload is the bytes after its last full part.
 */
export function createUploadMethods(
  bucket: Bucket,
  buffers: PartBuffers,
  openBlob: (key: BlobKey) => Promise<BorrowedBytes | undefined>,
): UploadMethods {
  const states = new UploadStateCache(bucket, buffers);
  const parts: UploadParts = { bucket, buffers, states, busy: new Set() };
  const { partSize } = bucket.settings;

  return {
    begin: () => Promise.resolve(newUploadReference()),

    async uploadSize(upload) {
      const found = await headState(bucket, upload);
      if (parts.busy.has(upload)) return found?.sizeBytes ?? 0;
      if (found === undefined) states.set(upload, emptyState(partSize));
      else states.compare(upload, found);
      return found?.sizeBytes ?? 0;
    },

    async append(upload, offset, source) {
      const from = await stateAt(parts, upload, offset);
      const newKey = (): BlobKey => newMultipartKey(upload);
      return sizeOf(await append(parts, { upload, from, newKey }, source));
    },

    // Parts that a late writer overwrites have other ETags, so that the commit fails.
    takeOver: () => Promise.resolve(),

    async openUpload(upload) {
      const state = (await loadState(bucket, upload)) ?? emptyState(partSize);
      states.set(upload, state);
      if (sizeOf(state) === 0) return nothing();
      if (state.multipart === undefined) return states.openRemainder(upload, state);
      const key = await assembleForReading(parts, upload, state);
      const bytes = await openBlob(key);
      if (bytes === undefined)
        throw new S3Failure(`GET ${key}`, "NotThere", "the assembled object does not exist");
      return bytes;
    },

    async commit(upload, digest) {
      const state = states.get(upload);
      if (state === undefined) throw new UploadChangedError(upload);
      return await turnIntoBlob(parts, upload, state, () => newKey(digest));
    },

    async importBlob(key, source) {
      const upload = newUploadReference();
      const keyOfBlob = (): BlobKey => key;
      try {
        const target = { upload, from: emptyState(partSize), newKey: keyOfBlob };
        const state = await append(parts, target, source);
        await turnIntoBlob(parts, upload, state, keyOfBlob);
      } catch (error) {
        await abort(parts, upload).catch(() => undefined);
        throw error;
      }
    },

    abort: (upload) => abort(parts, upload),

    listUploads: () => listUploads(bucket),
  };
}

/** The state of an upload that ends at `offset`. Throws {@link UploadOffsetError}. */
async function stateAt(
  { bucket, states }: UploadParts,
  upload: UploadReference,
  offset: number,
): Promise<UploadState> {
  let state = states.get(upload);
  if (state === undefined || sizeOf(state) !== offset) {
    state = (await loadState(bucket, upload)) ?? emptyState(bucket.settings.partSize);
    if (sizeOf(state) !== offset) throw new UploadOffsetError(offset, sizeOf(state));
    states.set(upload, state);
  }
  // An assembled upload was about to be read, and S3 cannot append to it.
  if (state.assembledBytes !== undefined) throw new UploadChangedError(upload);
  return state;
}

async function append(
  parts: UploadParts,
  target: AppendTarget,
  source: ByteSource,
): Promise<UploadState> {
  parts.busy.add(target.upload);
  try {
    return await new Append(parts, target).run(source);
  } finally {
    parts.busy.delete(target.upload);
  }
}

/**
 * Does not delete assembled parts, which may be a blob by now. If they are not, they remain as an object without a row.
 */
async function abort({ bucket, states }: UploadParts, upload: UploadReference): Promise<void> {
  states.forget(upload);
  const state = await loadState(bucket, upload);
  if (state?.multipart !== undefined && state.assembledBytes === undefined)
    await abortMultipart(bucket, state.multipart);
  // Multipart uploads that no state records: a process was interrupted, or two processes began one at the same time.
  for await (const multipart of listMultiparts(bucket, multipartKeyPrefix(upload)))
    await abortMultipart(bucket, multipart);
  if (state !== undefined) await deleteState(bucket, upload);
}

async function* listUploads(bucket: Bucket): AsyncIterable<UploadReference> {
  const seen = new Set<UploadReference>();
  const isNew = (upload: UploadReference | undefined): upload is UploadReference =>
    upload !== undefined && !seen.has(upload) && seen.add(upload) !== undefined;
  for await (const { name } of listObjects(bucket, uploadsPrefix)) {
    const upload = name.slice(uploadsPrefix.length);
    if (isUploadReference(upload) && isNew(upload)) yield upload;
  }
  for await (const { key } of listMultiparts(bucket, multipartPrefix)) {
    const upload = uploadOf(key);
    if (isNew(upload)) yield upload;
  }
}

async function* nothing(): BorrowedBytes {}
