import { constants } from "node:fs";
import {
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  stat,
  unlink,
  type FileHandle,
} from "node:fs/promises";
import path from "node:path";
import { UploadOffsetError, type BlobStore } from "../blob-store.ts";
import { undefinedIfNotFound } from "./not-found.ts";
import { createDurableDirectories, syncDirectory } from "./directories.ts";
import { createFreeSpace, type Reserve } from "./free-space.ts";
import { listBlobs } from "./list.ts";
import { createPaths, isUploadReference, newKey, newUploadReference, type Paths } from "./paths.ts";
import { readRange } from "./read.ts";
import { createFileReads } from "./reads.ts";
import { createDurableFileWriter } from "./durable-file-writer.ts";
import { FlushError, writeAll, writeFrom } from "./write.ts";

/**
 * Stores blobs as files below `root` (see `paths.ts`). A commit flushes the bytes with fsync, renames the file to a
 * name that was never used, and flushes the directory. A failed fsync is final: the kernel may have dropped the bytes,
 * and a second fsync would report success.
 *
 * The store rejects writes of uploads and blobs that would use `reserve`, with the error code of a full disk (ENOSPC).
 *
 * Rejects at once if a file cannot be renamed from `uploads` to `blobs`, because a rename would have to become a copy.
 */
export async function openFilesystemStore(root: string, reserve?: Reserve): Promise<BlobStore> {
  const space = createFreeSpace(root, reserve);
  const paths = createPaths(root);
  const makeDurable = createDurableDirectories();
  const fileWriter = createDurableFileWriter();
  const reads = createFileReads((key) => open(paths.blob(key), "r").catch(undefinedIfNotFound));

  await mkdir(root, { recursive: true });
  for (const directory of [
    paths.uploads,
    paths.blobs,
    path.join(paths.blobs, "sha256"),
    path.join(paths.blobs, "sha512"),
  ]) {
    await makeDurable(directory);
  }
  await tryRename(paths);

  return {
    capabilities: { signedRedirect: false, readsOpenUploads: true },

    async stat(key) {
      const found = await stat(paths.blob(key)).catch(undefinedIfNotFound);
      return found === undefined ? undefined : { sizeBytes: found.size };
    },

    async open(key, range) {
      if (range !== undefined) return await reads.open(key, range);
      // A reader of a whole blob verifies the bytes on the disk: it does not share a read.
      const file = await open(paths.blob(key), "r").catch(undefinedIfNotFound);
      return file && readRange(file, 0, (await sizeOrClose(file)) - 1);
    },

    signedUrl: () => Promise.resolve(undefined),

    async put(digest, bytes) {
      const key = newKey(digest);
      const target = paths.blob(key);
      const room = space.demand(bytes.length);
      if (room !== undefined) await room;
      await makeDurable(path.dirname(target));
      await fileWriter.write(target, bytes);
      return key;
    },

    begin: () => Promise.resolve(newUploadReference()),

    async uploadSize(upload) {
      return (await stat(paths.upload(upload)).catch(undefinedIfNotFound))?.size ?? 0;
    },

    async append(upload, offset, source) {
      const file = await open(
        paths.upload(upload),
        constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW,
        0o640,
      );
      try {
        const { size } = await file.stat();
        if (size !== offset) throw new UploadOffsetError(offset, size);
        return await writeFrom(file, offset, source, (bytes) => space.demand(bytes));
      } catch (error) {
        // Delete the upload: after a failed flush some of its bytes may be lost.
        if (error instanceof FlushError)
          await unlink(paths.upload(upload)).catch(undefinedIfNotFound);
        throw error;
      } finally {
        await file.close();
      }
    },

    async openUpload(upload, start = 0) {
      const file = await open(paths.upload(upload), "r").catch(undefinedIfNotFound);
      return file === undefined ? nothing() : readRange(file, start, (await sizeOrClose(file)) - 1);
    },

    async commit(upload, digest) {
      const key = newKey(digest);
      const source = paths.upload(upload);
      const target = paths.blob(key);
      const directory = path.dirname(target);
      await makeDurable(directory);
      const file = await open(
        source,
        constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW,
        0o640,
      );
      await flushed(file, source);
      await rename(source, target);
      await settle(target, directory);
      return key;
    },

    async abort(upload) {
      await unlink(paths.upload(upload)).catch(undefinedIfNotFound);
    },

    async importBlob(key, source) {
      const unfinished = paths.upload(newUploadReference());
      const target = paths.blob(key);
      const directory = path.dirname(target);
      await makeDurable(path.dirname(directory));
      await makeDurable(directory);
      const file = await open(unfinished, "wx", 0o640);
      await flushed(file, unfinished, () =>
        writeFrom(file, 0, source, (bytes) => space.demand(bytes)),
      );
      await rename(unfinished, target);
      await settle(target, directory);
    },

    async delete(key) {
      reads.forget(key);
      await unlink(paths.blob(key)).catch(undefinedIfNotFound);
    },

    list: () => listBlobs(root, paths.blobs),

    async *listUploads() {
      for (const name of await readdir(paths.uploads)) if (isUploadReference(name)) yield name;
    },

    async identity() {
      return (await readFile(paths.instance, "utf8").catch(undefinedIfNotFound))?.trim();
    },

    async claim(id) {
      const unfinished = `${paths.instance}.new`;
      await unlink(unfinished).catch(undefinedIfNotFound);
      const file = await open(unfinished, "wx");
      await flushed(file, unfinished, () => writeAll(file, [Buffer.from(`${id}\n`)], 0));
      await rename(unfinished, paths.instance);
      await syncDirectory(paths.blobs);
    },

    async probe() {
      await space.demand(0);
      const target = paths.upload(newUploadReference());
      const file = await open(target, "wx");
      await flushed(file, target, () => writeAll(file, [Buffer.from("probe")], 0));
      await unlink(target);
    },

    close: () => fileWriter.close(),
  };
}

/** Tries a rename. Two mounts of one file system share a device number but allow no rename between them. */
async function tryRename(paths: Paths): Promise<void> {
  const source = paths.upload(newUploadReference());
  const target = `${paths.instance}.rename`;
  const file = await open(source, "wx").catch(() => undefined);
  // The server starts on a full or read-only disk: pulls still work.
  if (file === undefined) return;
  await file.close();
  try {
    await rename(source, target);
    // Another process may run the same check.
    await unlink(target).catch(undefinedIfNotFound);
  } catch (error) {
    await unlink(source).catch(() => undefined);
    if (!(error instanceof Error && "code" in error && error.code === "EXDEV")) throw error;
    throw new Error(
      `${paths.blobs} and ${paths.uploads} must lie on one file system: mount their parent folder instead`,
      { cause: error },
    );
  }
}

/** Runs `work`, flushes the file to the disk and closes it. Deletes the file if a step fails. */
async function flushed(
  file: FileHandle,
  target: string,
  work?: () => Promise<unknown>,
): Promise<void> {
  try {
    try {
      await work?.();
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await unlink(target).catch(() => undefined);
    throw error;
  }
}

/** Makes a new name durable. If that fails, deletes the file: no row will name it. */
async function settle(target: string, directory: string): Promise<void> {
  try {
    await syncDirectory(directory);
  } catch (error) {
    await unlink(target).catch(() => undefined);
    throw error;
  }
}

async function sizeOrClose(file: FileHandle): Promise<number> {
  try {
    return (await file.stat()).size;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** An upload without bytes has no file. */
async function* nothing(): AsyncIterable<Uint8Array> {}
