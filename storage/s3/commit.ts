import type { BlobKey, UploadReference } from "../blob-store.ts";
import type { Bucket } from "./bucket.ts";
import {
  abortMultipart,
  completeMultipart,
  partEtag,
  uploadPart,
  type Multipart,
  type Part,
} from "./multipart.ts";
import { headObject, putObject, storageClass } from "./objects.ts";
import { S3Failure, undefinedIfNotFound } from "./requests.ts";
import { deleteState, saveState, sizeOf, UploadChangedError, type UploadState } from "./state.ts";
import type { UploadStateCache } from "./upload-state-cache.ts";

export interface CommitParts {
  readonly bucket: Bucket;
  readonly states: UploadStateCache;
}

/** Turns the upload into a blob. `keyOfWhole` returns the key if the upload has no multipart upload. */
export async function turnIntoBlob(
  parts: CommitParts,
  upload: UploadReference,
  state: UploadState,
  keyOfWhole: () => BlobKey,
): Promise<BlobKey> {
  const { bucket, states } = parts;
  let key: BlobKey;
  if (state.multipart !== undefined && sizeOf(state) > 0)
    key = await assemble(parts, upload, state);
  else {
    key = keyOfWhole();
    await states.withRemainder(upload, state, (remainder) =>
      putObject(bucket, key, remainder, storageClass(bucket.settings)),
    );
    if (state.multipart !== undefined)
      await abortMultipart(bucket, state.multipart).catch(() => undefined);
  }
  states.forget(upload);
  // If the delete fails, the state has no row, and the next start deletes it.
  await deleteState(bucket, upload).catch(() => undefined);
  return key;
}

/** Assembles the parts before the commit, and saves that they are assembled. Returns the key of the object. */
export async function assembleForReading(
  parts: CommitParts,
  upload: UploadReference,
  state: UploadState,
): Promise<BlobKey> {
  const key = await assemble(parts, upload, state);
  if (state.assembledBytes !== undefined) return key;
  const assembled = { parts: [], remainderBytes: 0, assembledBytes: sizeOf(state) };
  const saved = await saveState(parts.bucket, upload, { ...state, ...assembled });
  parts.states.set(upload, saved);
  return key;
}

/** Assembles the parts, with the remainder as the last part, under the key to which they were sent. */
async function assemble(
  parts: CommitParts,
  upload: UploadReference,
  state: UploadState,
): Promise<BlobKey> {
  const { multipart, remainderBytes, assembledBytes } = state;
  if (multipart === undefined) throw new UploadChangedError(upload);
  if (assembledBytes === undefined) {
    const last = remainderBytes === 0 ? [] : [await sendRemainder(parts, upload, state, multipart)];
    await completeMultipart(parts.bucket, multipart, [...state.parts, ...last], sizeOf(state));
  } else if ((await headObject(parts.bucket, multipart.key))?.sizeBytes !== assembledBytes) {
    const what = `HEAD ${multipart.key}`;
    throw new S3Failure(what, "WrongSize", "the assembled object is missing or has another size");
  }
  return multipart.key;
}

function sendRemainder(
  { bucket, states }: CommitParts,
  upload: UploadReference,
  state: UploadState,
  multipart: Multipart,
): Promise<Part> {
  return states.withRemainder(upload, state, async (remainder) => {
    const number = state.parts.length + 1;
    const part = await uploadPart(bucket, multipart, number, remainder).catch(undefinedIfNotFound);
    // An interrupted attempt has already assembled the parts. The completion checks that they are these parts.
    return part ?? { etag: partEtag(remainder) };
  });
}
