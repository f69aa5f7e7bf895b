import path from "node:path";
import type { BlobKey, UploadReference } from "../blob-store.ts";
import { checkedKey, checkedUpload, newVersion } from "../keys.ts";

/*
 * The files of a file-system store:
 *
 *   <root>/blobs/instance                the id of the database that owns these blobs
 *   <root>/blobs/sha256/ab/abcd….01J9…   one blob, at its key (see keys.ts)
 *   <root>/blobs/multipart/X7/01J8….01J9…   a blob that was imported from an S3 store or another registry
 *   <root>/blobs/imported/1              the folder of another registry whose files are blobs (see imported-files.ts)
 *   <root>/uploads/01J9…                 the bytes of an open upload
 *   <root>/uploads/probe.01J9…           written to see whether the disk takes bytes, and deleted at once
 *
 * Both folders are on one file system: a rename turns an upload into a blob.
 */

export interface Paths {
  readonly root: string;
  readonly blobs: string;
  readonly uploads: string;
  readonly instance: string;
  /** The file of a blob. Throws TypeError if the key does not have the form of a key. */
  blob(key: BlobKey): string;
  /** The file of an upload. Throws TypeError if the reference does not have the form of a reference. */
  upload(reference: UploadReference): string;
  /** A new file beside the uploads. It is not listed as an upload, so no process deletes it as an orphan. */
  newProbe(): string;
}

export function createPaths(root: string): Paths {
  return {
    root,
    blobs: path.join(root, "blobs"),
    uploads: path.join(root, "uploads"),
    instance: path.join(root, "blobs", "instance"),
    blob: (key) => path.join(root, checkedKey(key)),
    upload: (reference) => path.join(root, "uploads", checkedUpload(reference)),
    newProbe: () => path.join(root, "uploads", `probe.${newVersion()}`),
  };
}

/** Returns `undefined` for ENOENT and ENOTDIR, and throws every other error. */
export function undefinedIfNoFile(error: unknown): undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR") return undefined;
  throw error;
}
