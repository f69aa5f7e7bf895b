import { randomFillSync } from "node:crypto";
import { decodeTime, monotonicFactory } from "ulid";
import type { BlobKey, UploadReference } from "../blob-store.ts";
import { algorithmOf, encodedOf, type Digest } from "../../src/oci/digest.ts";

/*
 * What lies in the bucket, below the prefix:
 *
 *   blobs/instance                       the id of the database that speaks of these blobs
 *   blobs/sha256/ab/abcd….01J9…          a blob that was written whole: its digest, and a ULID of its own
 *   blobs/multipart/X7/01J8….01J9…       a blob that came in parts: the upload that brought it, and a ULID of its own
 *   uploads/01J8…                        the state of an open upload, and its bytes that fill no part yet
 *   probe                                written again and again to see that the bucket can be written to
 *
 * A multipart upload is named before its digest is known, and what S3 holds can't be renamed, only copied: so its key
 * tells the upload instead of the digest, and a commit costs one request however large the blob is. No key is used
 * twice, so that nothing here needs conditional writes.
 */

const ulid = monotonicFactory(() => {
  const [byte = 0] = randomFillSync(new Uint8Array(1));
  return byte / 256;
});

const ulidGrammar = "[0-9A-HJKMNP-TV-Z]{26}";
const keyGrammar = new RegExp(
  `^blobs/(?:(?:sha256|sha512)/[0-9a-f]{2}/[0-9a-f]{64,128}|multipart/[0-9A-Z]{2}/${ulidGrammar})\\.${ulidGrammar}$`,
);
const uploadGrammar = new RegExp(`^${ulidGrammar}$`);
const multipartGrammar = new RegExp(
  `^blobs/multipart/[0-9A-Z]{2}/(${ulidGrammar})\\.${ulidGrammar}$`,
);

export const blobsPrefix = "blobs/";
export const uploadsPrefix = "uploads/";
export const multipartPrefix = "blobs/multipart/";
export const instanceName = "blobs/instance";
export const probeName = "probe";

/** A key that nobody has had and nobody will have again. */
export function newKey(digest: Digest): BlobKey {
  const hex = encodedOf(digest);
  return `blobs/${algorithmOf(digest)}/${hex.slice(0, 2)}/${hex}.${ulid()}`;
}

/** The same for an upload whose digest is not known yet. */
export const newMultipartKey = (upload: UploadReference): BlobKey =>
  `${multipartsOf(upload)}${ulid()}`;

/** What the keys of all multipart uploads of one upload begin with. */
export function multipartsOf(upload: UploadReference): string {
  return `${multipartPrefix}${upload.slice(-2)}/${checkedUpload(upload)}.`;
}

/** The upload that a multipart upload's key tells; `undefined` for a key that is none of ours. */
export const uploadOf = (key: string): UploadReference | undefined =>
  multipartGrammar.exec(key)?.[1];

/** When a key was made; milliseconds since the epoch. */
export const createdAtMs = (key: BlobKey): number => decodeTime(key.slice(-26));

export const newUploadReference = (): UploadReference => ulid();
/** Never the same twice: tells two writings of one object apart. */
export const newVersion = (): string => ulid();

export const isKey = (text: string): boolean => keyGrammar.test(text);
export const isUploadReference = (text: string): boolean => uploadGrammar.test(text);

/** The name below the prefix of an upload's state. Throws if the reference is not of the form this driver makes. */
export const stateName = (upload: UploadReference): string =>
  `${uploadsPrefix}${checkedUpload(upload)}`;

/** The name below the prefix of a blob. Throws if the key is not of the form this driver makes. */
export function checkedKey(key: BlobKey): string {
  if (!isKey(key)) throw new TypeError(`not a key of this store: ${key}`);
  return key;
}

function checkedUpload(upload: UploadReference): string {
  if (!isUploadReference(upload)) throw new TypeError(`not an upload of this store: ${upload}`);
  return upload;
}
