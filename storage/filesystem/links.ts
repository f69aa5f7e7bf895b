import { link, realpath, unlink } from "node:fs/promises";
import path from "node:path";
import type { BlobKey } from "../blob-store.ts";
import { createDurableDirectories, syncDirectory } from "./durable-files.ts";
import { createPaths, undefinedIfNoFile } from "./paths.ts";

export interface BlobLinks {
  /**
   * Gives the file of a blob a second name in the other store, and replaces a file that has it. False: the first store has
   * no such blob.
   */
  link(key: BlobKey): Promise<boolean>;
  /** Makes the new names durable. */
  flush(): Promise<void>;
}

/**
 * Links the files of blobs into another filesystem store. Both stores must be on one file system. Files of blobs never
 * change, so a delete in one store does not affect the other.
 */
export function createBlobLinks(from: string, to: string): BlobLinks {
  const [source, target] = [createPaths(from), createPaths(to)];
  const makeDurable = createDurableDirectories();
  const changed = new Set<string>();
  return {
    async link(key) {
      const file = target.blob(key);
      const folder = path.dirname(file);
      await makeDurable(path.dirname(folder));
      await makeDurable(folder);
      const isLinked = await linkOver(source.blob(key), file);
      if (isLinked) changed.add(folder);
      return isLinked;
    },
    async flush() {
      for (const folder of changed) await syncDirectory(folder);
      changed.clear();
    },
  };
}

/** False: there is no such file. */
async function linkOver(source: string, target: string): Promise<boolean> {
  // A blob that was imported in place is a symbolic link.
  const file = await realpath(source).catch(undefinedIfNoFile);
  if (file === undefined) return false;
  const linkOnce = async (): Promise<boolean> =>
    (await link(file, target).then(() => true, undefinedIfNoFile)) === true;
  try {
    return await linkOnce();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    // The caller has found a file of another size under the key of the blob: it is damaged.
    await unlink(target).catch(undefinedIfNoFile);
    return await linkOnce();
  }
}
