import { createReadStream, createWriteStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import type { BlobKey, BlobStore, BorrowedBytes } from "../../../storage/blob-store.ts";
import { newKey } from "../../../storage/keys.ts";
import { createDigester, type Digest } from "../../oci/digest.ts";
import type { StoredPart } from "./point.ts";
import { BackupError, type BackupTarget, type BlobState } from "./target.ts";
import { DigestError, verified } from "./transfer.ts";

/*
 * The files of a point in the store of a backup. The list of blobs is JSON, one line per blob of the database, in gzip.
 */

export interface BlobEntry {
  readonly key: BlobKey;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly state: BlobState;
}

/** Writes a list to a file as its entries come. */
export async function writeBlobList(
  file: string,
  entries: AsyncIterable<BlobEntry>,
): Promise<void> {
  async function* lines(): AsyncGenerator<string> {
    for await (const { key, digest, sizeBytes, state } of entries)
      yield `${JSON.stringify({ key, digest, sizeBytes, state })}\n`;
  }
  await pipeline(lines, createGzip(), createWriteStream(file));
}

/** The entries of the list of a point. Throws BackupError if the list is lost or damaged. */
export async function* readBlobList(
  { store, location }: Pick<BackupTarget, "store" | "location">,
  list: StoredPart,
): AsyncGenerator<BlobEntry> {
  const bytes = await openPart({ store, location }, list);
  const gunzip = createGunzip();
  // The error of the bytes becomes that of the loop below.
  void pipeline(bytes, gunzip).catch(() => undefined);
  let rest = "";
  try {
    for await (const text of gunzip.setEncoding("utf8") as AsyncIterable<string>) {
      const lines = `${rest}${text}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield JSON.parse(line) as BlobEntry;
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    throw new BackupError(`${location}: the list of blobs ${list.key} is damaged`, {
      cause: error,
    });
  } finally {
    gunzip.destroy();
  }
}

/** The bytes were read, and are wrong. */
function isDamage(error: unknown): boolean {
  if (error instanceof DigestError || error instanceof SyntaxError) return true;
  return error instanceof Error && "code" in error && String(error.code).startsWith("Z_");
}

/** Stores a file as a blob, durably. */
export async function storeFile(store: BlobStore, file: string): Promise<StoredPart> {
  const digester = createDigester("sha256");
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) digester.update(chunk);
  const digest = digester.digest();
  const key = newKey(digest);
  const { size } = await stat(file);
  await store.importBlob(key, verified(createReadStream(file), digest));
  return { key, digest, sizeBytes: size };
}

/** Copies a file of a point to a new file, durably. Throws BackupError if it is lost or damaged. */
export async function fetchFile(
  target: Pick<BackupTarget, "store" | "location">,
  part: StoredPart,
  file: string,
): Promise<void> {
  const bytes = await openPart(target, part);
  await pipeline(bytes, createWriteStream(file)).catch((error: unknown) => {
    if (!(error instanceof DigestError)) throw error;
    throw new BackupError(`${target.location}: ${part.key} is damaged`, { cause: error });
  });
  const written = await open(file, "r");
  try {
    await written.sync();
  } finally {
    await written.close();
  }
}

/** The bytes of a part. The end of the bytes throws if their digest is another one. */
async function openPart(
  { store, location }: Pick<BackupTarget, "store" | "location">,
  part: StoredPart,
): Promise<AsyncIterable<Uint8Array>> {
  const bytes: BorrowedBytes | undefined = await store.open(part.key);
  if (bytes === undefined)
    throw new BackupError(`${location} has lost ${part.key}, which this point needs`);
  return verified(bytes, part.digest);
}
