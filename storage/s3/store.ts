import type { BlobKey, BlobStore, ByteRange, BorrowedBytes } from "../blob-store.ts";
import { createClients } from "./client.ts";
import { S3Failure } from "./failure.ts";
import type { Source } from "../shared-read/shared-read.ts";
import {
  blobsPrefix,
  createdAtMs,
  checkedKey,
  instanceName,
  isKey,
  newKey,
  probeName,
} from "./keys.ts";
import { createMultiparts } from "./multipart.ts";
import { createObjects, writeOptions } from "./objects.ts";
import { createPartBuffers } from "./part-buffers.ts";
import { createPlainReader } from "./plain-read.ts";
import { createSignedUrls } from "./signed-urls.ts";
import { lend, readBody, sourceOfAnswer } from "./read.ts";
import { defaultRetryPolicy, type RetryPolicy } from "./retry.ts";
import { mostParts, type S3Settings } from "./settings.ts";
import { createSharedReads } from "../shared-read/reads.ts";
import { createStates } from "./state.ts";
import { createUploads } from "./uploads.ts";

/** Stores blobs as objects of an S3 bucket: `keys.ts` describes the layout, `uploads.ts` the uploads. */
export function createS3Store(
  settings: S3Settings,
  retryPolicy: RetryPolicy = defaultRetryPolicy,
  { undisturbedMs }: { readonly undisturbedMs?: number } = {},
): BlobStore & { readonly heldBytes: () => number } {
  const clients = createClients(settings, retryPolicy.idleMs);
  const objects = createObjects(clients, settings, retryPolicy);
  const multiparts = createMultiparts(clients, objects, settings, retryPolicy);
  const { partSize, sse } = settings;
  const { idleMs } = retryPolicy;
  const states = createStates(objects, sse, idleMs);
  const buffers = createPartBuffers(settings.uploadBuffer, undisturbedMs);
  const linkTo = createSignedUrls(objects.signedUrl);
  const plain = settings.endpoint?.startsWith("http:")
    ? createPlainReader(settings.endpoint, idleMs)
    : undefined;

  const openSource = async (key: BlobKey, range?: ByteRange): Promise<Source | undefined> => {
    const what = `GET ${key}`;
    const part = range && `${range.start}-${range.end}`;
    const url = plain && (await linkTo(key));
    const read = url === undefined ? undefined : await plain?.open(url, what, part);
    if (read !== undefined) return read;
    const found = await objects.get(key, part);
    return found && sourceOfAnswer(found, what, idleMs);
  };
  const shared = createSharedReads(async (key, range) => {
    const source = await openSource(key, range);
    if (source === undefined || source.sizeBytes === range.end - range.start + 1) return source;
    source.end();
    throw new S3Failure(`GET ${key}`, "InvalidRange", `the blob ends before byte ${range.end}`);
  });
  /**
   * Reads from S3 for this caller alone: a reader of a whole blob verifies the stored bytes and does not share a read.
   */
  const openObject = async (key: BlobKey): Promise<BorrowedBytes | undefined> => {
    const source = await openSource(key);
    return source && lend(source);
  };

  let probing: Promise<void> | undefined;
  const probe = async (): Promise<void> => {
    await objects.put(probeName, Buffer.from("probe"), encryptionOnly);
    const read = await objects.get(probeName);
    if (read === undefined)
      throw new S3Failure(`GET ${probeName}`, "NotThere", "nothing came back");
    for await (const _ of readBody(read, `GET ${probeName}`, 5, idleMs)) continue;
  };
  const encryptionOnly = writeOptions({ sse });

  return {
    capabilities: {
      signedRedirect: settings.redirect,
      readsOpenUploads: false,
      largestBlobBytes: mostParts * partSize,
    },
    heldBytes: () => buffers.heldBytes(),

    async stat(key) {
      const found = await objects.headInBucket(checkedKey(key));
      return found === undefined ? undefined : { sizeBytes: found.sizeBytes };
    },

    open: async (key, range) =>
      range === undefined ? openObject(checkedKey(key)) : shared.open(checkedKey(key), range),

    async signedUrl(key) {
      if (!settings.redirect) return undefined;
      return await objects.signedUrl(checkedKey(key), settings.redirectLifetime);
    },

    async put(digest, bytes) {
      const key = newKey(digest);
      await objects.put(key, bytes, writeOptions(settings));
      return key;
    },

    ...createUploads({ settings, objects, multiparts, states, buffers, openObject }),

    delete(key) {
      shared.forget(key);
      return objects.delete(checkedKey(key));
    },

    async *list() {
      for await (const { name, sizeBytes } of objects.list(blobsPrefix))
        if (isKey(name)) yield { key: name, sizeBytes, createdAtMs: createdAtMs(name) };
    },

    async identity() {
      const found = await objects.get(instanceName);
      if (found === undefined) return undefined;
      const pieces: Uint8Array[] = [];
      for await (const piece of readBody(found, `GET ${instanceName}`, found.sizeBytes, idleMs))
        pieces.push(piece);
      return Buffer.concat(pieces).toString("utf8").trim();
    },

    claim: (id) => objects.put(instanceName, Buffer.from(`${id}\n`), encryptionOnly),

    /** Concurrent callers share one probe and its result. */
    probe: () => (probing ??= probe().finally(() => (probing = undefined))),

    async close() {
      plain?.close();
      clients.destroy();
    },
  };
}
