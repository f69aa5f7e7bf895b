import type { BlobKey, BlobStore, LentBytes } from "../blob-store.ts";
import { createClients } from "./client.ts";
import { S3Failure } from "./failure.ts";
import {
  blobsPrefix,
  bornAtMs,
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
import { createReadLinks } from "./read-links.ts";
import { readBody } from "./read.ts";
import { usualPatience, type Patience } from "./retry.ts";
import { mostParts, type S3Settings } from "./settings.ts";
import { createStates } from "./state.ts";
import { createUploads } from "./uploads.ts";

/** Blobs as objects of an S3 bucket: `keys.ts` says where what lies, `uploads.ts` how it gets there. */
export function createS3Store(
  settings: S3Settings,
  patience: Patience = usualPatience,
  { undisturbedMs }: { readonly undisturbedMs?: number } = {},
): BlobStore & { readonly heldBytes: () => number } {
  const clients = createClients(settings, patience.idleMs);
  const objects = createObjects(clients, settings, patience);
  const multiparts = createMultiparts(clients, objects, settings, patience);
  const { partSize, sse } = settings;
  const { idleMs } = patience;
  const states = createStates(objects, sse, idleMs);
  const buffers = createPartBuffers(settings.buffer, undisturbedMs);
  const linkTo = createReadLinks(objects.signedUrl);
  const plain = settings.endpoint?.startsWith("http:")
    ? createPlainReader(settings.endpoint, idleMs)
    : undefined;

  const openBytes = async (name: string, range: string | undefined) => {
    const what = `GET ${name}`;
    const url = plain && (await linkTo(name));
    const read = url === undefined ? undefined : await plain?.open(url, what, range);
    if (read !== undefined) return read;
    const found = await objects.get(name, range);
    const sizeBytes = found?.sizeBytes ?? 0;
    return found && { sizeBytes, bytes: readBody(found, what, sizeBytes, idleMs) };
  };

  const openObject = async (key: BlobKey, range?: string): Promise<LentBytes | undefined> => {
    const found = await openBytes(key, range);
    if (found === undefined) return undefined;
    const [first = 0, last = found.sizeBytes - 1] = range?.split("-").map(Number) ?? [];
    if (found.sizeBytes === last - first + 1) return found.bytes;
    // Begun, so that its end lets go of the connection.
    for await (const _ of found.bytes) break;
    throw new S3Failure(`GET ${key}`, "InvalidRange", `the blob ends before byte ${last}`);
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
    abilities: {
      signedRedirect: settings.redirect,
      readsOpenUploads: false,
      largestBlobBytes: mostParts * partSize,
    },
    heldBytes: () => buffers.heldBytes(),

    async stat(key) {
      const found = await objects.headInBucket(checkedKey(key));
      return found === undefined ? undefined : { sizeBytes: found.sizeBytes };
    },

    open: async (key, range) => openObject(checkedKey(key), range && `${range.start}-${range.end}`),

    async link(key) {
      if (!settings.redirect) return undefined;
      return await objects.signedUrl(checkedKey(key), settings.redirectLifetime);
    },

    async put(digest, bytes) {
      const key = newKey(digest);
      await objects.put(key, bytes, writeOptions(settings));
      return key;
    },

    ...createUploads({ settings, objects, multiparts, states, buffers, openObject }),

    delete: (key) => objects.delete(checkedKey(key)),

    async *list() {
      for await (const { name, sizeBytes } of objects.list(blobsPrefix))
        if (isKey(name)) yield { key: name, sizeBytes, bornAtMs: bornAtMs(name) };
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

    /** Whoever asks while one is under way gets the same answer. */
    probe: () => (probing ??= probe().finally(() => (probing = undefined))),

    async close() {
      plain?.close();
      clients.destroy();
    },
  };
}
