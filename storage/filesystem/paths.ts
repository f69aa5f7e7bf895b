import path from "node:path";
import { randomFillSync } from "node:crypto";
import { decodeTime, monotonicFactory } from "ulid";
import type { BlobKey, UploadReference } from "../blob-store.ts";
import { algorithmOf, encodedOf, type Digest } from "../../src/oci/digest.ts";

/*
 * The files of a file-system store:
 *
 *   <root>/blobs/instance            the id of the database that owns these blobs
 *   <root>/blobs/sha256/ab/abcd….01J9…   one blob: its digest and a ULID, so that no name is used twice
 *   <root>/blobs/multipart/X7/01J8….01J9…   a blob that was imported from an S3 store under its key there
 *   <root>/uploads/01J9…                 the bytes of an open upload
 *
 * Both folders are on one file system: a rename turns an upload into a blob.
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

const keyGrammar =
  /^blobs\/(?:(?:sha256|sha512)\/[0-9a-f]{2}\/[0-9a-f]{64,128}|multipart\/[0-9A-Z]{2}\/[0-9A-HJKMNP-TV-Z]{26})\.[0-9A-HJKMNP-TV-Z]{26}$/;
const uploadGrammar = /^[0-9A-HJKMNP-TV-Z]{26}$/;

export interface Paths {
  readonly blobs: string;
  readonly uploads: string;
  readonly instance: string;
  /** The file of a blob. Throws TypeError if the key does not have the form of this driver. */
  blob(key: BlobKey): string;
  /** The file of an upload. Throws TypeError if the reference does not have the form of this driver. */
  upload(reference: UploadReference): string;
}

export function createPaths(root: string): Paths {
  return {
    blobs: path.join(root, "blobs"),
    uploads: path.join(root, "uploads"),
    instance: path.join(root, "blobs", "instance"),
    blob(key) {
      if (!keyGrammar.test(key)) throw new TypeError(`not a key of this store: ${key}`);
      return path.join(root, key);
    },
    upload(reference) {
      if (!uploadGrammar.test(reference))
        throw new TypeError(`not an upload of this store: ${reference}`);
      return path.join(root, "uploads", reference);
    },
  };
}

/** A new key, which is never used again. */
export function newKey(digest: Digest): BlobKey {
  const hex = encodedOf(digest);
  return `blobs/${algorithmOf(digest)}/${hex.slice(0, 2)}/${hex}.${ulid()}`;
}

/** The creation time of a key, in milliseconds since the epoch. */
export const createdAtMs = (key: BlobKey): number => decodeTime(key.slice(-26));

export function newUploadReference(): UploadReference {
  return ulid();
}

export const isKey = (text: string): boolean => keyGrammar.test(text);
export const isUploadReference = (text: string): boolean => uploadGrammar.test(text);
