import { constants } from "node:fs";
import { lstat, open, realpath } from "node:fs/promises";
import type { ImportBlob } from "./content.ts";

/*
 * Files of another place. They are regular files, and no symbolic link is followed on the way: nothing outside of the folder
 * is read.
 */

export interface ImportFile extends ImportBlob {
  readonly file: string;
}

/**
 * `undefined`: there is no such file, or it is not a regular file at this place.
 * @param file below a folder that has been resolved with `realpath`
 */
export async function findRegularFile(file: string): Promise<ImportFile | undefined> {
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

export interface SmallFile {
  readonly bytes: Buffer;
  readonly modifiedAtMs: number;
}

/** Rejects if the file has more than `bytesAtMost`, or is not a regular file. */
export async function readSmallFile(file: string, bytesAtMost: number): Promise<SmallFile> {
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
