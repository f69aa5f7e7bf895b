import type { BlobKey, BlobStore, ByteSource } from "../../../storage/blob-store.ts";
import { algorithmOf, createDigester, type Digest } from "../../oci/digest.ts";
import type { BlobState, Links } from "./target.ts";

/** The store that is read failed, not the one that is written. */
class ReadError extends Error {
  override readonly name = "ReadError";
}

/** The bytes have another digest. */
export class DigestError extends Error {
  override readonly name = "DigestError";
}

export interface TransferredBlob {
  readonly key: BlobKey;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface Transferred<Blob extends TransferredBlob> {
  readonly blob: Blob;
  readonly state: Exclude<BlobState, "evicted">;
  /** The bytes were already there, or have been linked. */
  readonly by: "copy" | "link" | "earlier run" | undefined;
  readonly error?: unknown;
}

/**
 * Copies one blob to another store under its key, unless it is there already. Verifies the digest of copied bytes.
 * Rejects if the other store fails.
 */
export async function transferBlob<Blob extends TransferredBlob>(
  parts: {
    readonly from: Pick<BlobStore, "open">;
    readonly to: Pick<BlobStore, "importBlob">;
    /** The size of a blob in the other store. */
    readonly sizeThere: SizeThere;
    readonly links?: Links | undefined;
  },
  blob: Blob,
): Promise<Transferred<Blob>> {
  const { from, to, links } = parts;
  const { key, digest, sizeBytes } = blob;
  if ((await parts.sizeThere(key)) === sizeBytes) return { blob, state: "kept", by: "earlier run" };
  if (links !== undefined) {
    if (!(await links.link(key))) return { blob, state: "absent", by: undefined };
    // The bytes are not read, but a truncated file is found.
    if ((await parts.sizeThere(key)) !== sizeBytes)
      return { blob, state: "damaged", by: undefined };
    return { blob, state: "kept", by: "link" };
  }
  try {
    const bytes = await reading(() => from.open(key));
    if (bytes === undefined) return { blob, state: "absent", by: undefined };
    await to.importBlob(key, verified(bytes, digest));
    return { blob, state: "kept", by: "copy" };
  } catch (error) {
    if (error instanceof DigestError) return { blob, state: "damaged", by: undefined, error };
    if (error instanceof ReadError)
      return { blob, state: "unreadable", by: undefined, error: error.cause };
    throw error;
  }
}

async function reading<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new ReadError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** The bytes, in chunks that the receiver owns. The end throws DigestError if their digest is another one. */
export async function* verified(bytes: AsyncIterable<Uint8Array>, digest: Digest): ByteSource {
  const digester = createDigester(algorithmOf(digest));
  const chunks = bytes[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await reading(() => chunks.next());
      if (next.done === true) break;
      digester.update(next.value);
      yield new Uint8Array(next.value);
    }
  } finally {
    await chunks.return?.();
  }
  const found = digester.digest();
  if (found !== digest) throw new DigestError(`the digest of the bytes is ${found}, not ${digest}`);
}

export async function isEmpty(store: Pick<BlobStore, "list">): Promise<boolean> {
  for await (const _ of store.list()) return false;
  return true;
}

export type SizeThere = (key: BlobKey) => Promise<number | undefined>;

const versionOf = (key: BlobKey): string => key.slice(-26);

/**
 * The sizes of the blobs that a store has now. A folder is asked for each blob. A bucket is listed once, because a list
 * has 1,000 objects per request; the ULID at the end of a key distinguishes it from all others.
 */
export async function createSizeThere(store: BlobStore): Promise<SizeThere> {
  if (store.capabilities.hasLimitedSpace) return async (key) => (await store.stat(key))?.sizeBytes;
  const sizes = new Map<string, number>();
  for await (const { key, sizeBytes } of store.list()) sizes.set(versionOf(key), sizeBytes);
  return async (key) => sizes.get(versionOf(key));
}
