import { randomFillSync } from "node:crypto";
import { decodeTime, monotonicFactory } from "ulid";
import type { BlobKey, UploadReference } from "./blob-store.ts";
import { algorithmOf, encodedOf, type Digest } from "../src/oci/digest.ts";

/*
 * All drivers use the same keys, so that a copy into another store keeps the key of each blob:
 *
 *   blobs/sha256/ab/abcd….01J9…          a blob that was written whole: its digest and a ULID
 *   blobs/multipart/X7/01J8….01J9…       a blob of an S3 multipart upload: the upload's reference and a ULID
 *
 * The ULID makes each key unique. An upload's reference is a ULID.
 */

/** Random numbers from 0 to 1. One system call fills a pool of 4,096 bytes; each ULID uses 16 bytes. */
function createPooledRandom(): () => number {
  const pool = new Uint8Array(4096);
  let used = pool.length;
  return () => {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    const byte = pool[used] ?? 0;
    used += 1;
    return byte / 256;
  };
}

const ulid = monotonicFactory(createPooledRandom());

const ulidGrammar = "[0-9A-HJKMNP-TV-Z]{26}";
const keyGrammar = new RegExp(
  `^blobs/(?:(?:sha256|sha512)/[0-9a-f]{2}/[0-9a-f]{64,128}|multipart/[0-9A-Z]{2}/(${ulidGrammar}))\\.${ulidGrammar}$`,
);
const uploadGrammar = new RegExp(`^${ulidGrammar}$`);

/** A new key, which is never used again. */
export function newKey(digest: Digest): BlobKey {
  const hex = encodedOf(digest);
  return `blobs/${algorithmOf(digest)}/${hex.slice(0, 2)}/${hex}.${ulid()}`;
}

/** A new key for a multipart upload whose digest is not known yet. */
export const newMultipartKey = (upload: UploadReference): BlobKey =>
  `${multipartKeyPrefix(upload)}${ulid()}`;

/** The common prefix of the keys of all multipart uploads of one upload. */
export const multipartKeyPrefix = (upload: UploadReference): string =>
  `blobs/multipart/${upload.slice(-2)}/${checkedUpload(upload)}.`;

/** The upload in the key of a multipart upload; `undefined` for other texts. */
export const uploadOf = (key: string): UploadReference | undefined => keyGrammar.exec(key)?.[1];

/** The creation time of a key, in milliseconds since the epoch. */
export const createdAtMs = (key: BlobKey): number => decodeTime(key.slice(-26));

export const newUploadReference = (): UploadReference => ulid();
/** A unique text, such as the version of one write of an object. */
export const newVersion = (): string => ulid();

export const isKey = (text: string): boolean => keyGrammar.test(text);
export const isUploadReference = (text: string): boolean => uploadGrammar.test(text);

/** Returns the key. Throws TypeError if it does not have the form of a key: no other path or object is reachable. */
export function checkedKey(key: BlobKey): BlobKey {
  if (!isKey(key)) throw new TypeError(`not a key of this store: ${key}`);
  return key;
}

/** Returns the reference. Throws TypeError if it does not have the form of a reference. */
export function checkedUpload(upload: UploadReference): UploadReference {
  if (!isUploadReference(upload)) throw new TypeError(`not an upload of this store: ${upload}`);
  return upload;
}
