import { mkdir, open, readFile, readdir, rename, stat, unlink } from "node:fs/promises";
import path from "node:path";
import type { BlobKey, BlobStore, StoredObject } from "../blob-store.ts";
import { createdAtMs, isKey, newKey } from "../keys.ts";
import { createDurableFileWriter } from "./durable-file-writer.ts";
import {
  createDurableDirectories,
  flushAndClose,
  syncDirectory,
  type MakeDurableDirectory,
} from "./durable-files.ts";
import { createFreeSpace, type Reserve } from "./free-space.ts";
import { demandImportedFolders } from "./imported-files.ts";
import { createPaths, undefinedIfNoFile, type Paths } from "./paths.ts";
import { readToEnd } from "./read-file.ts";
import { createFileReads } from "./reads.ts";
import { createFileUploadMethods } from "./uploads.ts";
import { writeAll } from "./write.ts";

/**
 * Stores blobs as files below `root`; see `paths.ts` for the layout and `uploads.ts` for the uploads.
 *
 * The store rejects writes of uploads and blobs that would use `reserve`, with the error code of a full disk (ENOSPC).
 *
 * Rejects at once if a file cannot be renamed from `uploads` to `blobs`, because a rename would have to become a copy; and
 * if a folder of imported blobs is not there.
 */
export async function openFilesystemStore(root: string, reserve?: Reserve): Promise<BlobStore> {
  const space = createFreeSpace(root, reserve);
  const paths = createPaths(root);
  const makeDurable = createDurableDirectories();
  const fileWriter = createDurableFileWriter();
  const openBlob = (key: BlobKey) => open(paths.blob(key), "r").catch(undefinedIfNoFile);
  const reads = createFileReads(openBlob);

  await makeFolders(paths, makeDurable);
  await tryRename(paths);
  await demandImportedFolders(paths.blobs);

  return {
    capabilities: { signedRedirect: false, readsOpenUploads: true, hasLimitedSpace: true },

    async stat(key) {
      const found = await stat(paths.blob(key)).catch(undefinedIfNoFile);
      return found === undefined ? undefined : { sizeBytes: found.size };
    },

    async open(key, range) {
      if (range !== undefined) return await reads.open(key, range);
      // A reader of a whole blob verifies the bytes on the disk: it does not share a read.
      const file = await openBlob(key);
      return file && (await readToEnd(file, 0));
    },

    signedUrl: () => Promise.resolve(undefined),

    async put(digest, bytes) {
      const key = newKey(digest);
      const target = paths.blob(key);
      const checked = space.demand(bytes.length);
      if (checked !== undefined) await checked;
      await makeDurable(path.dirname(target));
      await fileWriter.write(target, bytes);
      return key;
    },

    ...createFileUploadMethods({ paths, space, makeDurable }),

    async delete(key) {
      reads.forget(key);
      await unlink(paths.blob(key)).catch(undefinedIfNoFile);
    },

    list: () => listBlobs(paths),

    async identity() {
      return (await readFile(paths.instance, "utf8").catch(undefinedIfNoFile))?.trim();
    },

    claim: (id) => writeInstance(paths, id),

    async probe() {
      await space.demand(0);
      const target = paths.newProbe();
      await writeNewFile(target, "probe");
      await unlink(target);
    },

    close: () => fileWriter.close(),
  };
}

async function makeFolders(paths: Paths, makeDurable: MakeDurableDirectory): Promise<void> {
  await mkdir(paths.root, { recursive: true });
  for (const directory of [
    paths.uploads,
    paths.blobs,
    path.join(paths.blobs, "sha256"),
    path.join(paths.blobs, "sha512"),
  ]) {
    await makeDurable(directory);
  }
}

/** Tries a rename. Two mounts of one file system share a device number but allow no rename between them. */
async function tryRename(paths: Paths): Promise<void> {
  const source = paths.newProbe();
  const target = `${paths.instance}.rename`;
  const file = await open(source, "wx").catch(() => undefined);
  // The server starts on a full or read-only disk: pulls still work.
  if (file === undefined) return;
  await file.close();
  try {
    await rename(source, target);
    // Another process may run the same check.
    await unlink(target).catch(undefinedIfNoFile);
  } catch (error) {
    await unlink(source).catch(() => undefined);
    if (!(error instanceof Error && "code" in error && error.code === "EXDEV")) throw error;
    throw new Error(
      `${paths.blobs} and ${paths.uploads} must lie on one file system: mount their parent folder instead`,
      { cause: error },
    );
  }
}

async function* listBlobs({ root, blobs }: Paths): AsyncIterable<StoredObject> {
  for (const algorithm of await readdir(blobs)) {
    for (const fanOut of await namesIn(path.join(blobs, algorithm))) {
      for (const name of await namesIn(path.join(blobs, algorithm, fanOut))) {
        const key: BlobKey = `blobs/${algorithm}/${fanOut}/${name}`;
        const found = isKey(key)
          ? await stat(path.join(root, key)).catch(undefinedIfNoFile)
          : undefined;
        if (found !== undefined)
          yield { key, sizeBytes: found.size, createdAtMs: createdAtMs(key) };
      }
    }
  }
}

/** The names in a folder; none if it does not exist or is not a folder. */
const namesIn = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder).catch(undefinedIfNoFile)) ?? [];

async function writeInstance({ instance, blobs }: Paths, id: string): Promise<void> {
  const unfinished = `${instance}.new`;
  await unlink(unfinished).catch(undefinedIfNoFile);
  await writeNewFile(unfinished, `${id}\n`);
  await rename(unfinished, instance);
  await syncDirectory(blobs);
}

/** Writes and flushes a file that does not exist yet. Its name is not durable. */
async function writeNewFile(target: string, text: string): Promise<void> {
  const file = await open(target, "wx");
  await flushAndClose(file, target, () => writeAll(file, [Buffer.from(text)], 0));
}
