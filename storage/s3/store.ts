import type { BlobStore } from "../blob-store.ts";
import { checkedKey, createdAtMs, isKey, newKey } from "../keys.ts";
import {
  blobsPrefix,
  instanceName,
  openBucket,
  probeName,
  type Bucket,
  type S3Settings,
} from "./bucket.ts";
import { partsAtMost } from "./multipart.ts";
import {
  deleteObject,
  getObject,
  headBlob,
  listObjects,
  putObject,
  signedUrl,
  storageClass,
} from "./objects.ts";
import { createPartBuffers } from "./part-buffers.ts";
import { createObjectReads, readBody } from "./reads.ts";
import { defaultRetryPolicy, S3Failure, type RetryPolicy } from "./requests.ts";
import { createUploadMethods } from "./uploads.ts";

/** Stores blobs as objects of an S3 bucket: `bucket.ts` describes the layout, `uploads.ts` the uploads. */
export function createS3Store(
  settings: S3Settings,
  retryPolicy: RetryPolicy = defaultRetryPolicy,
  { undisturbedMs }: { readonly undisturbedMs?: number } = {},
): BlobStore & { readonly heldBytes: () => number } {
  const bucket = openBucket(settings, retryPolicy);
  const buffers = createPartBuffers(settings.uploadBuffer, undisturbedMs);
  const reads = createObjectReads(bucket);
  let probing: Promise<void> | undefined;

  return {
    capabilities: {
      signedRedirect: settings.redirect,
      readsOpenUploads: false,
      hasLimitedSpace: false,
      largestBlobBytes: partsAtMost * settings.partSize,
    },
    heldBytes: () => buffers.heldBytes(),

    async stat(key) {
      const found = await headBlob(bucket, checkedKey(key));
      return found === undefined ? undefined : { sizeBytes: found.sizeBytes };
    },

    /** A reader of a whole blob verifies the stored bytes: it does not share a read. */
    open: async (key, range) =>
      range === undefined ? reads.openWhole(checkedKey(key)) : reads.open(checkedKey(key), range),

    async signedUrl(key) {
      if (!settings.redirect) return undefined;
      return await signedUrl(bucket, checkedKey(key), settings.redirectLifetime);
    },

    async put(digest, bytes) {
      const key = newKey(digest);
      await putObject(bucket, key, bytes, storageClass(settings));
      return key;
    },

    ...createUploadMethods(bucket, buffers, (key) => reads.openWhole(key)),

    delete(key) {
      reads.forget(key);
      return deleteObject(bucket, checkedKey(key));
    },

    async *list() {
      for await (const { name, sizeBytes } of listObjects(bucket, blobsPrefix))
        if (isKey(name)) yield { key: name, sizeBytes, createdAtMs: createdAtMs(name) };
    },

    async identity() {
      const found = await getObject(bucket, instanceName);
      if (found === undefined) return undefined;
      const what = `GET ${instanceName}`;
      const pieces: Uint8Array[] = [];
      for await (const piece of readBody(found, what, found.sizeBytes, retryPolicy.idleMs))
        pieces.push(piece);
      return Buffer.concat(pieces).toString("utf8").trim();
    },

    claim: (id) => putObject(bucket, instanceName, Buffer.from(`${id}\n`)),

    /** Concurrent callers share one probe and its result. */
    probe: () => (probing ??= probe(bucket).finally(() => (probing = undefined))),

    async close() {
      reads.close();
      bucket.close();
    },
  };
}

async function probe(bucket: Bucket): Promise<void> {
  const bytes = Buffer.from("probe");
  const what = `GET ${probeName}`;
  await putObject(bucket, probeName, bytes);
  const found = await getObject(bucket, probeName);
  if (found === undefined)
    throw new S3Failure(what, "NotThere", "the object that was just written does not exist");
  for await (const _ of readBody(found, what, bytes.length, bucket.retryPolicy.idleMs)) continue;
}
