import { link, mkdir, readdir, readlink, stat, symlink } from "node:fs/promises";
import path from "node:path";
import type { BlobKey } from "../blob-store.ts";
import { newMultipartKey, newUploadReference } from "../keys.ts";
import { createDurableDirectories, syncDirectory } from "./durable-files.ts";
import { createPaths, undefinedIfNoFile } from "./paths.ts";

/*
 * Files of another registry as blobs of a file-system store, without a copy:
 *
 *   <root>/blobs/imported/1                  a symbolic link to the other registry's folder of blobs
 *   <root>/blobs/multipart/X7/01J8….01J9…    a blob: a symbolic link to ../../imported/1/sha256/ab/…/data, or a hard link
 *
 * A delete of the blob removes only the link. The other folder can move: then one link is changed.
 */

export interface ImportedFiles {
  /** Makes a file of the other folder a blob by a symbolic link. Durable when it resolves. */
  linkInPlace(file: string): Promise<BlobKey>;
  /** The same by a hard link. `undefined`: the file system does not allow it. */
  linkHard(file: string): Promise<BlobKey | undefined>;
}

/** The blobs of one folder: more names make a directory slow on some file systems. */
const namesInOneFolder = 20_000;
const impossibleLinks = new Set(["EXDEV", "EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "EMLINK"]);

/**
 * @param root the folder of the store
 * @param other the folder with the blobs of the other registry; all files are in it
 */
export function createImportedFiles(root: string, other: string): ImportedFiles {
  const paths = createPaths(root);
  const makeDurable = createDurableDirectories();
  let number: Promise<string> | undefined;
  let folder: Promise<{ newKey: () => BlobKey; flush: () => Promise<void> }> | undefined;
  let names = 0;

  async function makeFolder() {
    const run = newUploadReference();
    const newKey = (): BlobKey => newMultipartKey(run);
    const directory = path.dirname(paths.blob(newKey()));
    await makeDurable(path.dirname(directory));
    await makeDurable(directory);
    return { newKey, flush: createSharedFlush(() => syncDirectory(directory)) };
  }

  async function make<T>(name: (target: string) => Promise<T>): Promise<BlobKey> {
    if (names % namesInOneFolder === 0) folder = makeFolder();
    names += 1;
    const { newKey, flush } = await (folder ??= makeFolder());
    const key = newKey();
    await name(paths.blob(key));
    await flush();
    return key;
  }

  return {
    async linkInPlace(file) {
      const from = await (number ??= rememberFolder(paths.blobs, other));
      const target = path.join("../../imported", from, path.relative(other, file));
      return await make((name) => symlink(target, name));
    },
    async linkHard(file) {
      try {
        return await make((name) => link(file, name));
      } catch (error) {
        const code = error instanceof Error && "code" in error ? String(error.code) : "";
        if (impossibleLinks.has(code)) return undefined;
        throw error;
      }
    },
  };
}

/** The name in `imported` that points at the folder; an earlier run may have made it. */
async function rememberFolder(blobs: string, other: string): Promise<string> {
  const imported = path.join(blobs, "imported");
  await mkdir(imported, { recursive: true });
  await syncDirectory(blobs);
  for (const { name, target } of await linksIn(imported)) if (target === other) return name;
  for (let number = 1; ; number += 1) {
    const isMade = await symlink(other, path.join(imported, `${number}`)).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
        return false;
      },
    );
    if (!isMade) continue;
    await syncDirectory(imported);
    return `${number}`;
  }
}

async function linksIn(imported: string): Promise<readonly { name: string; target: string }[]> {
  const names = (await readdir(imported).catch(undefinedIfNoFile)) ?? [];
  return await Promise.all(
    names.map(async (name) => ({ name, target: await readlink(path.join(imported, name)) })),
  );
}

/**
 * Rejects if a folder of another registry, whose files are blobs of this store, is not there: an unmounted volume must
 * not look like lost blobs.
 */
export async function demandImportedFolders(blobs: string): Promise<void> {
  const imported = path.join(blobs, "imported");
  for (const { name, target } of await linksIn(imported)) {
    const place = path.resolve(imported, target);
    if ((await stat(path.join(place, "sha256")).catch(undefinedIfNoFile)) !== undefined) continue;
    throw new Error(
      `${place} has no blobs, and the images that were imported in place need them: ` +
        `mount it, or point the link ${path.join(imported, name)} at its new place`,
    );
  }
}

/** Callers that come while a flush runs share the next one. */
function createSharedFlush(flush: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return () =>
    (next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        running = flush();
        return running;
      }));
}
