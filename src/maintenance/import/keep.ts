import { access, constants } from "node:fs/promises";
import type { BlobKey, BlobStore } from "../../../storage/blob-store.ts";
import { newKey } from "../../../storage/keys.ts";
import type { Digest } from "../../oci/digest.ts";
import { verified } from "../backup/transfer.ts";
import { SkipError, type ImportBlob } from "./content.ts";

/** Makes the bytes of a blob durable in the store. Throws SkipError if they are wrong or cannot be read. */
export type Keep = (digest: Digest, blob: ImportBlob) => Promise<BlobKey>;

/** The links that a file-system store can make to files of another place. */
interface FileLinks {
  linkInPlace(file: string): Promise<BlobKey>;
  linkHard(file: string): Promise<BlobKey | undefined>;
}

/** Smaller blobs are held in memory, and written once. */
const wholeInMemoryBytes = 256 * 1024;

/**
 * The file of the blob stays where it is, and the store has a link to it.
 * @param verifies reads the bytes of each blob and compares the digest; otherwise only the size is compared
 */
export function keepInPlace(links: Pick<FileLinks, "linkInPlace">, verifies: boolean): Keep {
  return async (digest, blob) => {
    const { file } = blob;
    if (file === undefined) throw new SkipError(`the blob ${digest} is not a file`);
    await access(file, constants.R_OK).catch((cause: Error) => {
      throw new SkipError(`the blob ${digest}: ${cause.message}`, { cause });
    });
    if (verifies) await readable(digest, () => readWhole(digest, blob));
    return await links.linkInPlace(file);
  };
}

/** The store gets the bytes: by a hard link on the same file system, else by a copy. Their digest is verified. */
export function keepCopy(
  store: Pick<BlobStore, "put" | "importBlob">,
  links: Pick<FileLinks, "linkHard"> | undefined,
): Keep {
  return async (digest, blob) => {
    if (links !== undefined && blob.file !== undefined) {
      await readable(digest, () => readWhole(digest, blob));
      const linked = await links.linkHard(blob.file);
      if (linked !== undefined) return linked;
    }
    if (blob.sizeBytes <= wholeInMemoryBytes)
      return await store.put(digest, await readable(digest, () => readSmall(digest, blob)));
    const key = newKey(digest);
    await readable(digest, () => store.importBlob(key, verified(blob.open(), digest)));
    return key;
  };
}

async function readWhole(digest: Digest, blob: ImportBlob): Promise<void> {
  for await (const _ of verified(blob.open(), digest));
}

async function readSmall(digest: Digest, blob: ImportBlob): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let left = blob.sizeBytes;
  for await (const piece of verified(blob.open(), digest)) {
    left -= piece.length;
    if (left < 0) throw new SkipError(`the blob ${digest} has more than ${blob.sizeBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Wrong bytes, and a file that cannot be read, skip the image. A failure of the store ends the import. */
async function readable<T>(digest: Digest, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Error && (error.name === "DigestError" || error.name === "ReadError"))
      throw new SkipError(`the blob ${digest}: ${error.message}`, { cause: error });
    throw error;
  }
}
