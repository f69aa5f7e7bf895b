import { constants } from "node:fs";
import { lstat, open, opendir, realpath } from "node:fs/promises";
import path from "node:path";
import type { ImportBlob } from "./content.ts";
import type { DistributionFiles, SmallFile } from "./distribution.ts";

/*
 * Files of another place. They are regular files, and no symbolic link is followed on the way: nothing outside of the folder
 * is read.
 */

/** The files in a folder; `undefined` if there is no such folder. */
export async function openRegularFiles(folder: string): Promise<RegularFiles | undefined> {
  const root = await realpath(folder).catch(() => undefined);
  if (root === undefined) return undefined;
  const inside = (name: string): string => path.join(root, name);
  return {
    root,
    folders: (name) => foldersIn(inside(name)),
    read: (name, bytesAtMost) => readSmallFile(inside(name), bytesAtMost).catch(() => undefined),
    find: (name) => findRegularFile(inside(name)),
  };
}

interface RegularFiles extends DistributionFiles {
  /** The real path of the folder. */
  readonly root: string;
}

/** The names of the folders in a folder; none if it cannot be read as a folder. */
async function* foldersIn(folder: string): AsyncGenerator<string> {
  const found = await lstat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true) return;
  for await (const entry of await opendir(folder)) if (entry.isDirectory()) yield entry.name;
}

/**
 * `undefined`: there is no such file, or it is not a regular file at this place.
 * @param file below a folder that has been resolved with `realpath`
 */
export async function findRegularFile(file: string): Promise<ImportBlob | undefined> {
  const found = await lstat(file).catch(() => undefined);
  if (found?.isFile() !== true || (await realpath(file)) !== file) return undefined;
  return { file, sizeBytes: found.size, open: () => readFileOf(file) };
}

const openRegular = (file: string) =>
  open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);

async function* readFileOf(file: string): AsyncGenerator<Uint8Array> {
  const handle = await openRegular(file);
  yield* handle.createReadStream({ highWaterMark: 256 * 1024 });
}

/** Rejects if the file has more than `bytesAtMost`, or is not a regular file. */
async function readSmallFile(file: string, bytesAtMost: number): Promise<SmallFile> {
  const handle = await openRegular(file);
  try {
    const { mtimeMs: modifiedAtMs } = await handle.stat();
    const bytes = Buffer.alloc(bytesAtMost + 1);
    let at = 0;
    for (;;) {
      const { bytesRead } = await handle.read(bytes, at, bytes.length - at, at);
      at += bytesRead;
      if (at > bytesAtMost) throw new RangeError(`${file} has more than ${bytesAtMost} bytes`);
      if (bytesRead === 0) return { bytes: bytes.subarray(0, at), modifiedAtMs };
    }
  } finally {
    await handle.close();
  }
}
