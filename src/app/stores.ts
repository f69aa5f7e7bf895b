import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import type { BlobStore } from "../../storage/blob-store.ts";
import { openFilesystemStore } from "../../storage/filesystem/store.ts";
import { createMemoryStore } from "../../storage/memory/store.ts";
import type { Config } from "../config/schema.ts";

/** The data folder has no registry. */
export class NoRegistryError extends Error {
  override readonly name = "NoRegistryError";
}

/** Path of the database. Blobs in memory end with the process and so must their rows: each process has its own file. */
export function databaseFile({ data, storage }: Config): string {
  return path.join(data, storage.driver === "memory" ? `memory-${process.pid}.db` : "berth.db");
}

/** Path of the pull counters, beside the database. */
export const pullCounterFile = (config: Config): string =>
  databaseFile(config).replace(/\.db$/, "-counts.db");

/** Folder of the keys that sign tokens. */
export const keysFolder = ({ data }: Config): string => path.join(data, "keys");

/** Deletes the database of blobs in memory. */
export async function forgetMemory(config: Config): Promise<void> {
  if (config.storage.driver !== "memory") return;
  for (const file of [databaseFile(config), pullCounterFile(config)]) {
    for (const suffix of ["", "-wal", "-shm"]) await rm(`${file}${suffix}`, { force: true });
  }
}

/** Opens the blob store of the configuration; creates the data folder if it is missing. */
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
  // Loaded only for S3: the SDK is larger than the rest of the program.
  const { createS3Store } = await import("../../storage/s3/store.ts");
  return createS3Store({
    ...s3,
    bucket,
    prefix: prefix.replace(/^\/+|\/*$/g, "") && `${prefix.replace(/^\/+|\/+$/g, "")}/`,
  });
}

/** In two calls: on a file system that creates no folders (`/proc`) Node's recursive mkdir never returns. */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(path.dirname(folder), { recursive: true });
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}
