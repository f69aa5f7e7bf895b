import { mkdir, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createFileDocuments } from "../../storage/filesystem/documents.ts";
import { openFilesystemStore } from "../../storage/filesystem/store.ts";
import type { Config } from "../config/schema.ts";
import { tryLock } from "../database/sqlite/folder-lock.ts";
import { lockByDocuments } from "../maintenance/backup/document-lock.ts";
import { BackupError, backupInUse, type BackupTarget } from "../maintenance/backup/target.ts";
import { bucketAt } from "./data-folder.ts";

type S3Config = Config["storage"]["s3"];

export interface OpenBackupTarget {
  /** A path, or `s3://bucket/prefix`. */
  readonly location: string;
  /** Endpoint, credentials and options for a bucket. */
  readonly s3: S3Config;
  /** Creates a missing folder. */
  readonly isNewAllowed: boolean;
}

/** Opens the place of the backups of one registry. Throws BackupError, and errors of the store. */
export async function openBackupTarget(options: OpenBackupTarget): Promise<BackupTarget> {
  const { location } = options;
  if (location.startsWith("s3://")) return await openBucket(location, options.s3);
  if (/^[a-z0-9]+:\/\//.test(location))
    throw new BackupError(
      `${location}: a backup is in a folder, or in a bucket: s3://BUCKET/PREFIX`,
    );
  return await openFolder(path.resolve(location), options.isNewAllowed);
}

const snapshotPrefix = "snapshot-";

async function openFolder(folder: string, isNewAllowed: boolean): Promise<BackupTarget> {
  const points = path.join(folder, "points");
  const names: readonly string[] = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  if (!names.includes("points")) {
    if (names.some((name) => name !== "lost+found"))
      throw new BackupError(`${folder} is no backup, and not empty: use another folder`);
    if (!isNewAllowed)
      throw new BackupError(`there is no backup in ${folder}: "berth backup create" makes one`);
    await mkdir(points, { recursive: true });
  }
  const store = await openFilesystemStore(folder);
  return {
    location: folder,
    store,
    points: createFileDocuments(points),
    temporaryFolder: folder,
    async lock() {
      const lock = tryLock(path.join(folder, "backup.lock"));
      if (lock === undefined) throw backupInUse(folder);
      for (const name of await readdir(folder))
        if (name.startsWith(snapshotPrefix))
          await rm(path.join(folder, name), { recursive: true, force: true });
      return { signal: new AbortController().signal, release: async () => lock.release() };
    },
    close: () => store.close(),
  };
}

/** The name of a temporary folder, which the next run removes. */
export const snapshotFolder = ({ temporaryFolder }: BackupTarget): string =>
  path.join(temporaryFolder, snapshotPrefix);

async function openBucket(location: string, s3: S3Config): Promise<BackupTarget> {
  const settings = bucketAt(location, s3);
  if (settings === undefined)
    throw new BackupError(`${location} has no bucket: write s3://BUCKET/PREFIX`);
  // Loaded only for S3: the SDK is larger than the rest of the program.
  const [{ createS3Store }, { createS3Documents }] = await Promise.all([
    import("../../storage/s3/store.ts"),
    import("../../storage/s3/documents.ts"),
  ]);
  const store = createS3Store(settings);
  const points = createS3Documents(settings, "points");
  const locks = createS3Documents(settings, "locks");
  return {
    location: `s3://${settings.bucket}/${settings.prefix}`,
    store,
    points,
    temporaryFolder: tmpdir(),
    lock: () => lockByDocuments(locks, location),
    close: async () => {
      points.close();
      locks.close();
      await store.close();
    },
  };
}
