import { mkdir, open } from "node:fs/promises";
import path from "node:path";

/** Flushes the directory, so that its entries survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Creates a directory and makes its entry in the parent durable, also if an interrupted run created it before. */
async function makeDurable(directory: string): Promise<void> {
  // Not recursive: a recursive mkdir reports a full disk as "no such file".
  await mkdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  await syncDirectory(path.dirname(directory));
}

/** Runs {@link makeDurable} once per directory and process. Callers share a running call; a failure is not cached. */
export function createDurableDirectories(): (directory: string) => Promise<void> {
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
