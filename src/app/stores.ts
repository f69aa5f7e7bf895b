import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import type { BlobStore } from "../../storage/blob-store.ts";
import { openFilesystemStore } from "../../storage/filesystem/store.ts";
import { createMemoryStore } from "../../storage/memory/store.ts";
import type { Config } from "../config/schema.ts";

/** There is no registry in the data folder. */
export class NoRegistryError extends Error {
  override readonly name = "NoRegistryError";
}

/** Blobs in memory end with the process, and so must what is known of them: each process has a database of its own. */
export function databaseFile({ data, storage }: Config): string {
  return path.join(data, storage.driver === "memory" ? `memory-${process.pid}.db` : "berth.db");
}

/** What is counted lies in a file of its own beside it. */
export const pullCounterFile = (config: Config): string =>
  databaseFile(config).replace(/\.db$/, "-counts.db");

/** Where the keys that sign tokens lie. */
export const keysFolder = ({ data }: Config): string => path.join(data, "keys");

/** Removes the database of blobs that were in memory. */
export async function forgetMemory(config: Config): Promise<void> {
  if (config.storage.driver !== "memory") return;
  for (const file of [databaseFile(config), pullCounterFile(config)]) {
    for (const suffix of ["", "-wal", "-shm"]) await rm(`${file}${suffix}`, { force: true });
  }
}

/** Opens the blob store that the configuration names; makes the data folder if there is none. */
export async function openStore(config: Config): Promise<BlobStore> {
  await makeFolder(config.data);
  switch (config.storage.driver) {
    case "filesystem":
      return openFilesystemStore(config.data, config.storage.reserve);
    case "memory":
      await forgetMemory(config);
      return createMemoryStore();
    case "s3":
      return await openS3Store(config.storage.s3);
  }
}

async function openS3Store(s3: Config["storage"]["s3"]): Promise<BlobStore> {
  const { bucket, prefix = "" } = s3;
  if (bucket === undefined) throw new TypeError("storage.s3.bucket is checked with the rest");
  // Only for those who use it: the SDK is larger than all the rest.
  const { createS3Store } = await import("../../storage/s3/store.ts");
  return createS3Store({
    ...s3,
    bucket,
    prefix: prefix.replace(/^\/+|\/*$/g, "") && `${prefix.replace(/^\/+|\/+$/g, "")}/`,
  });
}

/** Not all in one go: where a file system makes no folders (`/proc`), Node's recursive mkdir never comes back. */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(path.dirname(folder), { recursive: true });
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}
