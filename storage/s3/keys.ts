import { randomFillSync } from "node:crypto";
import { decodeTime, monotonicFactory } from "ulid";
import type { BlobKey, UploadReference } from "../blob-store.ts";
import { algorithmOf, encodedOf, type Digest } from "../../src/oci/digest.ts";

/*
 * The objects of the bucket, below the prefix:
 *
 *   blobs/instance                       the id of the database that owns these blobs
 *   blobs/sha256/ab/abcd….01J9…          a blob that one PUT wrote: its digest and a ULID
 *   blobs/multipart/X7/01J8….01J9…       a blob of a multipart upload: the upload's reference and a ULID
 *   uploads/01J8…                        the state of an open upload, and the bytes after its last full part
 *   probe                                a test object that proves that the bucket is writable
 *
 * A multipart upload gets its key before its digest is known, and S3 cannot rename an object, only copy it. So the key
 * contains the upload's reference instead of the digest, and a commit costs one request for a blob of any size. No key
 * is used twice, so that the driver needs no conditional writes.
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

/** A new key, which is never used again. */
export function newKey(digest: Digest): BlobKey {
  const hex = encodedOf(digest);
  return `blobs/${algorithmOf(digest)}/${hex.slice(0, 2)}/${hex}.${ulid()}`;
}

/** A new key for an upload whose digest is not known yet. */
export const newMultipartKey = (upload: UploadReference): BlobKey =>
  `${multipartsOf(upload)}${ulid()}`;

/** The common prefix of the keys of all multipart uploads of one upload. */
export function multipartsOf(upload: UploadReference): string {
  return `${multipartPrefix}${upload.slice(-2)}/${checkedUpload(upload)}.`;
}

/** The upload in a multipart key; `undefined` if the key does not have the form of this driver. */
export const uploadOf = (key: string): UploadReference | undefined =>
  multipartGrammar.exec(key)?.[1];

/** The creation time of a key, in milliseconds since the epoch. */
export const createdAtMs = (key: BlobKey): number => decodeTime(key.slice(-26));

export const newUploadReference = (): UploadReference => ulid();
/** A unique version, which distinguishes two writes of one object. */
export const newVersion = (): string => ulid();

export const isKey = (text: string): boolean => keyGrammar.test(text);
export const isUploadReference = (text: string): boolean => uploadGrammar.test(text);

/**
 * The name of an upload's state, below the prefix. Throws TypeError if the reference does not have the form of this
 * driver.
 */
export const stateName = (upload: UploadReference): string =>
  `${uploadsPrefix}${checkedUpload(upload)}`;

/** The name of a blob, below the prefix. Throws TypeError if the key does not have the form of this driver. */
export function checkedKey(key: BlobKey): string {
  if (!isKey(key)) throw new TypeError(`not a key of this store: ${key}`);
  return key;
}

function checkedUpload(upload: UploadReference): string {
  if (!isUploadReference(upload)) throw new TypeError(`not an upload of this store: ${upload}`);
  return upload;
}
