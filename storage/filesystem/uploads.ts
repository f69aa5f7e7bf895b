import { constants } from "node:fs";
import { copyFile, open, readdir, rename, stat, unlink, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { UploadOffsetError, type UploadMethods } from "../blob-store.ts";
import { isUploadReference, newKey, newUploadReference } from "../keys.ts";
import { flushAndClose, renameDurably, type MakeDurableDirectory } from "./durable-files.ts";
import type { FreeSpace } from "./free-space.ts";
import { undefinedIfNoFile, type Paths } from "./paths.ts";
import { readToEnd } from "./read-file.ts";
import { FlushError, writeFrom } from "./write.ts";

/**
 * Uploads are files in `uploads`. A commit flushes the bytes with fsync, renames the file to a name that was never
 * used, and flushes the directory.
 */
export function createFileUploadMethods({
  paths,
  space,
  makeDurable,
}: {
  readonly paths: Paths;
  readonly space: FreeSpace;
  readonly makeDurable: MakeDurableDirectory;
}): UploadMethods {
  const demand = (bytes: number): Promise<void> | undefined => space.demand(bytes);

  return {
    begin: () => Promise.resolve(newUploadReference()),

    async uploadSize(upload) {
      return (await stat(paths.upload(upload)).catch(undefinedIfNoFile))?.size ?? 0;
    },

    async append(upload, offset, source) {
      const file = await openOrCreate(paths.upload(upload));
      try {
        const { size } = await file.stat();
        if (size !== offset) throw new UploadOffsetError(offset, size);
        return await writeFrom(file, offset, source, demand);
      } catch (error) {
        // Delete the upload: after a failed flush some of its bytes may be lost.
        if (error instanceof FlushError)
          await unlink(paths.upload(upload)).catch(undefinedIfNoFile);
        throw error;
      } finally {
        await file.close();
      }
    },

    takeOver: (upload) => replaceByCopy(paths.upload(upload), paths.upload(newUploadReference())),

    async openUpload(upload, start = 0) {
      const file = await open(paths.upload(upload), "r").catch(undefinedIfNoFile);
      return file === undefined ? nothing() : await readToEnd(file, start);
    },

    async commit(upload, digest) {
      const key = newKey(digest);
      const source = paths.upload(upload);
      const target = paths.blob(key);
      await makeDurable(path.dirname(target));
      await flushAndClose(await openOrCreate(source), source);
      await renameDurably(source, target);
      return key;
    },

    async abort(upload) {
      await unlink(paths.upload(upload)).catch(undefinedIfNoFile);
    },

    async importBlob(key, source) {
      const unfinished = paths.upload(newUploadReference());
      const target = paths.blob(key);
      const directory = path.dirname(target);
      // The folder of multipart keys exists only after an import.
      await makeDurable(path.dirname(directory));
      await makeDurable(directory);
      const file = await open(unfinished, "wx", 0o640);
      await flushAndClose(file, unfinished, () => writeFrom(file, 0, source, demand));
      await renameDurably(unfinished, target);
    },

    async *listUploads() {
      for (const name of await readdir(paths.uploads)) if (isUploadReference(name)) yield name;
    },
  };
}

/** Replaces a file that another process has open, so that the other process writes to the earlier file. */
async function replaceByCopy(file: string, copy: string): Promise<void> {
  if ((await stat(file).catch(undefinedIfNoFile)) === undefined) return;
  try {
    await copyFile(file, copy, constants.COPYFILE_FICLONE);
    await rename(copy, file);
  } catch (error) {
    await unlink(copy).catch(undefinedIfNoFile);
    throw error;
  }
}

const openOrCreate = (file: string): Promise<FileHandle> =>
  open(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o640);

/** An upload without bytes has no file. */
async function* nothing(): AsyncIterable<Uint8Array> {}
