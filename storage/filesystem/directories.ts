import { mkdir, open } from "node:fs/promises";
import path from "node:path";

/** Makes the directory's entries survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a directory and its own entry in its parent durable, also when a run that was cut off left it there. */
async function makeDurable(directory: string): Promise<void> {
  // Not recursive: that reports a full disk as "no such file".
  await mkdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  await syncDirectory(path.dirname(directory));
}

/** {@link makeDurable}, once a directory in the life of the process; who comes meanwhile waits for the same work. */
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
