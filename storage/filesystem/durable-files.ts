import { mkdir, open, rename, unlink, type FileHandle } from "node:fs/promises";
import path from "node:path";

/*
 * Steps that make files and their names survive a power cut. A failed flush is final: the kernel may have dropped the
 * bytes, and a second flush would report success. So each step deletes its file when it fails.
 */

/** Runs `work`, flushes the file to the disk and closes it. Deletes the file `target` if a step fails. */
export async function flushAndClose(
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

/** Renames a flushed file and makes its new name durable. If the flush fails, deletes the file: no row will name it. */
export async function renameDurably(source: string, target: string): Promise<void> {
  await rename(source, target);
  try {
    await syncDirectory(path.dirname(target));
  } catch (error) {
    await unlink(target).catch(() => undefined);
    throw error;
  }
}

/** Flushes the directory, so that its entries survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export type MakeDurableDirectory = (directory: string) => Promise<void>;

/**
 * Creates directories and makes their entries in the parent durable, once per directory and process. Callers share a
 * running call; a failure is not cached.
 */
export function createDurableDirectories(): MakeDurableDirectory {
  const made = new Map<string, Promise<void>>();
  return (directory) => {
    const known = made.get(directory);
    if (known !== undefined) return known;
    const making = makeDurable(directory);
    made.set(directory, making);
    making.catch(() => made.delete(directory));
    return making;
  };
}

/** Flushes the parent also if the directory exists: an interrupted run may have created it. */
async function makeDurable(directory: string): Promise<void> {
  // Not recursive: a recursive mkdir reports a full disk as "no such file".
  await mkdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  await syncDirectory(path.dirname(directory));
}
