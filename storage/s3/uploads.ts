import {
  UploadOffsetError,
  type BlobKey,
  type BlobStore,
  type ByteSource,
  type BorrowedBytes,
  type UploadReference,
} from "../blob-store.ts";
import { appendTo } from "./append.ts";
import { isNotFound, S3Failure, UploadChangedError } from "./failure.ts";
import { partEtag } from "./integrity.ts";
import {
  isUploadReference,
  multipartPrefix,
  multipartsOf,
  newKey,
  newMultipartKey,
  newUploadReference,
  uploadOf,
  uploadsPrefix,
} from "./keys.ts";
import { createUploadStateCache } from "./upload-state-cache.ts";
import type { Multipart, Multiparts, Part } from "./multipart.ts";
import { writeOptions, type Objects } from "./objects.ts";
import type { PartBuffers } from "./part-buffers.ts";
import type { S3Settings } from "./settings.ts";
import { headRoom, nothingYet, sizeOf, type States, type UploadState } from "./state.ts";

type UploadMethods = Pick<
  BlobStore,
  | "importBlob"
  | "begin"
  | "uploadSize"
  | "append"
  | "openUpload"
  | "commit"
  | "abort"
  | "listUploads"
>;

/**
 * Uploads. The driver sends the parts of a large upload directly to the key of the future blob, and a commit assembles
 * the parts without a copy. The alternative, parts as separate objects that the commit copies together, could be read
 * before the commit, but it moves every byte twice, and such reads are rare. So a multipart upload that must be read
 * before its commit (to compute its digest after a restart, or with another algorithm) is assembled first and then
 * read. Clients do not see that object: no row names it until the commit.
 *
 * The last bytes of an upload are those after its last full part.
 */
export function createUploads(parts: {
  readonly settings: S3Settings;
  readonly objects: Objects;
  readonly multiparts: Multiparts;
  readonly states: States;
  readonly buffers: PartBuffers;
  readonly openObject: (key: BlobKey) => Promise<BorrowedBytes | undefined>;
}): UploadMethods {
  const { settings, objects, multiparts, states, buffers, openObject } = parts;
  const { partSize, concurrency } = settings;
  const stateCache = createUploadStateCache();
  /**
   * The uploads to which this process appends. Their state changes, so `uploadSize` does not compare it with the cache.
   */
  const busy = new Set<UploadReference>();
  const unasked = (): void => undefined;

  const readTail = async (
    upload: UploadReference,
    state: UploadState,
    buffer: Buffer,
  ): Promise<void> => {
    const known = stateCache.get(upload);
    if (known?.tail === undefined || known.state.version !== state.version)
      return await states.loadTail(upload, state, buffer);
    buffer.set(known.tail, headRoom);
  };

  /** Calls `work` with the bytes after the last part, which are borrowed. */
  const withTail = async <T>(
    upload: UploadReference,
    state: UploadState,
    work: (tail: Uint8Array) => Promise<T>,
  ): Promise<T> => {
    if (state.tailBytes === 0) return await work(new Uint8Array());
    const known = stateCache.get(upload);
    if (known?.tail !== undefined && known.state.version === state.version)
      return await work(known.tail);
    const held = await buffers.acquire(state.partSize, unasked);
    held.sending();
    try {
      await readTail(upload, state, held.grow(state.tailBytes));
      return await work(held.bytes.subarray(headRoom, headRoom + state.tailBytes));
    } finally {
      held.release();
    }
  };

  const sendTail = (
    upload: UploadReference,
    state: UploadState,
    multipart: Multipart,
  ): Promise<Part> =>
    withTail(upload, state, (tail) =>
      multiparts.uploadPart(multipart, state.parts.length + 1, tail).catch((error: unknown) => {
        if (!(error instanceof S3Failure && isNotFound(error))) throw error;
        // An interrupted attempt has already assembled the parts. The completion checks that they are these parts.
        return { etag: partEtag(tail) };
      }),
    );

  /** Assembles the parts, with the last bytes as the last part, under the key to which they were sent. */
  const join = async (upload: UploadReference, state: UploadState): Promise<BlobKey> => {
    const { multipart, parts, tailBytes, sealedBytes } = state;
    if (multipart === undefined) throw new UploadChangedError(upload);
    if (sealedBytes === undefined) {
      const last = tailBytes === 0 ? [] : [await sendTail(upload, state, multipart)];
      await multiparts.complete(multipart, [...parts, ...last], sizeOf(state));
    } else if ((await objects.head(multipart.key))?.sizeBytes !== sealedBytes) {
      throw new S3Failure(`HEAD ${multipart.key}`, "WrongSize", "the joined parts are not there");
    }
    return multipart.key;
  };

  /**
   * Does not delete assembled parts, which may be a blob by now. If they are not, they remain as an object without a
   * row.
   */
  const abort = async (upload: UploadReference): Promise<void> => {
    stateCache.forget(upload);
    const state = await states.load(upload);
    if (state?.multipart !== undefined && state.sealedBytes === undefined)
      await multiparts.abort(state.multipart);
    // Multipart uploads that no state records: a process was interrupted, or two processes began one at the same time.
    for await (const multipart of multiparts.list(multipartsOf(upload)))
      await multiparts.abort(multipart);
    if (state !== undefined) await states.forget(upload);
  };

  const appendAs = async (
    upload: UploadReference,
    from: UploadState,
    key: () => BlobKey,
    source: ByteSource,
  ): Promise<UploadState> => {
    busy.add(upload);
    try {
      const append = {
        upload,
        key,
        from,
        loadTail: (state: UploadState, buffer: Buffer) => readTail(upload, state, buffer),
        onSaved: (state: UploadState, tail: Uint8Array) => stateCache.set(upload, state, tail),
      };
      return await appendTo({ states, multiparts, buffers, concurrency }, append, source);
    } finally {
      busy.delete(upload);
    }
  };

  /** Turns the upload into a blob. `keyOfWhole` returns the key if the upload has no multipart upload. */
  const finish = async (
    upload: UploadReference,
    state: UploadState,
    keyOfWhole: () => BlobKey,
  ): Promise<BlobKey> => {
    let key: BlobKey;
    if (state.multipart !== undefined && sizeOf(state) > 0) key = await join(upload, state);
    else {
      key = keyOfWhole();
      await withTail(upload, state, (tail) => objects.put(key, tail, writeOptions(settings)));
      if (state.multipart !== undefined) await multiparts.abort(state.multipart).catch(unasked);
    }
    stateCache.forget(upload);
    // If the delete fails, the state has no row, and the next start deletes it.
    await states.forget(upload).catch(unasked);
    return key;
  };

  return {
    begin: () => Promise.resolve(newUploadReference()),

    async uploadSize(upload) {
      const found = await states.look(upload);
      if (busy.has(upload)) return found?.sizeBytes ?? 0;
      if (found === undefined) stateCache.set(upload, nothingYet(partSize));
      else stateCache.compare(upload, found);
      return found?.sizeBytes ?? 0;
    },

    async append(upload, offset, source) {
      let from = stateCache.get(upload)?.state;
      if (from === undefined || sizeOf(from) !== offset) {
        from = (await states.load(upload)) ?? nothingYet(partSize);
        if (sizeOf(from) !== offset) throw new UploadOffsetError(offset, sizeOf(from));
        stateCache.set(upload, from);
      }
      // An assembled upload was about to be read, and S3 cannot append to it.
      if (from.sealedBytes !== undefined) throw new UploadChangedError(upload);
      return sizeOf(await appendAs(upload, from, () => newMultipartKey(upload), source));
    },

    async openUpload(upload) {
      let state = (await states.load(upload)) ?? nothingYet(partSize);
      stateCache.set(upload, state);
      if (state.multipart === undefined || sizeOf(state) === 0) {
        const { tailBytes } = state;
        if (tailBytes === 0) return nothing();
        return readStored(upload, state);
      }
      const key = await join(upload, state);
      if (state.sealedBytes === undefined) {
        const sealedBytes = sizeOf(state);
        state = await states.save(upload, { ...state, parts: [], tailBytes: 0, sealedBytes });
        stateCache.set(upload, state);
      }
      const bytes = await openObject(key);
      if (bytes === undefined) throw new S3Failure(`GET ${key}`, "NotThere", "it was just joined");
      return bytes;
    },

    async commit(upload, digest) {
      const state = stateCache.get(upload)?.state;
      if (state === undefined) throw new UploadChangedError(upload);
      return await finish(upload, state, () => newKey(digest));
    },

    async importBlob(key, source) {
      const upload = newUploadReference();
      try {
        const state = await appendAs(upload, nothingYet(partSize), () => key, source);
        await finish(upload, state, () => key);
      } catch (error) {
        await abort(upload).catch(unasked);
        throw error;
      }
    },

    abort,

    async *listUploads() {
      const seen = new Set<UploadReference>();
      const isNew = (upload: UploadReference | undefined): upload is UploadReference =>
        upload !== undefined && !seen.has(upload) && seen.add(upload) !== undefined;
      for await (const { name } of objects.list(uploadsPrefix)) {
        const upload = name.slice(uploadsPrefix.length);
        if (isUploadReference(upload) && isNew(upload)) yield upload;
      }
      for await (const { key } of multiparts.list(multipartPrefix)) {
        const upload = uploadOf(key);
        if (isNew(upload)) yield upload;
      }
    },
  };

  async function* readStored(upload: UploadReference, state: UploadState): BorrowedBytes {
    const held = await buffers.acquire(state.partSize, unasked);
    held.sending();
    try {
      await readTail(upload, state, held.grow(state.tailBytes));
      yield held.bytes.subarray(headRoom, headRoom + state.tailBytes);
    } finally {
      held.release();
    }
  }
}

async function* nothing(): BorrowedBytes {}
