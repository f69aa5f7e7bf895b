import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { createBlobLinks } from "../../storage/filesystem/links.ts";
import type { PassphraseSealed } from "../auth/signing-keys/passphrase.ts";
import { packageVersion } from "../config/package-version.ts";
import type { RunningJob } from "../coordination/job-run.ts";
import type { Database } from "../database/contract.ts";
import { snapshotSqlite } from "../database/sqlite/open.ts";
import { openReads } from "../database/sqlite/reads.ts";
import {
  createBackup,
  type BackupProgress,
  type CreatedBackup,
} from "../maintenance/backup/create.ts";
import { BackupError, type BackupTarget, type Links } from "../maintenance/backup/target.ts";
import { readSecrets, sealSecrets } from "./backup-secrets.ts";
import { snapshotFolder } from "./backup-target.ts";
import type { AppContext } from "./context.ts";
import { pullCounterFile } from "./data-folder.ts";
import { snapshotDatabase } from "./database-copy.ts";

export interface BackupOptions {
  /** Encrypts the signing keys and the secrets of webhooks; `undefined`: the backup gets none. */
  readonly passphrase: string | undefined;
  /** Links the files of blobs in place of a copy. */
  readonly isLinked: boolean;
  readonly progress: BackupProgress;
}

/**
 * Adds a point to a backup, while servers run. It is a job: while its row has a heartbeat, no process deletes the bytes
 * of blobs. Rejects with BackupError, JobError, and errors of the database and the stores.
 */
export async function backUp(
  context: AppContext,
  target: BackupTarget,
  options: BackupOptions,
): Promise<CreatedBackup & { readonly leavesSecretsOut: boolean }> {
  const { config } = context;
  if (config.storage.driver === "memory")
    throw new BackupError("blobs in memory cannot be backed up");
  const links = options.isLinked ? linksInto(context, target) : undefined;
  const jobs = await context.jobs();
  const lock = await target.lock();
  try {
    const task = { kind: "backup", subject: target.location } as const;
    return await jobs.runForCommand(task, async (job) => {
      try {
        const signal = AbortSignal.any([job.signal, lock.signal]);
        return await runBackup(context, target, { ...options, links, signal, job });
      } catch (error) {
        if (!job.signal.aborted) throw error;
        throw new BackupError("the backup was canceled: it has no new point", { cause: error });
      }
    });
  } finally {
    await lock.release();
  }
}

async function runBackup(
  context: AppContext,
  target: BackupTarget,
  options: BackupOptions & {
    readonly links: Links | undefined;
    readonly signal: AbortSignal;
    readonly job: RunningJob;
  },
) {
  const { config, clock, mirrored } = context;
  const folder = await mkdtemp(snapshotFolder(target));
  try {
    // The job has begun: blobs that this snapshot names keep their bytes from now on.
    const takenAtMs = clock();
    const file = await snapshotDatabase(config, folder);
    const { reads: rows, close } = openReads(file);
    try {
      const { keys, leavesOut } = await sealedSecrets(context, rows, options.passphrase);
      const created = await createBackup({
        snapshot: { takenAtMs, folder, database: file, pullCounters: await counters(), rows },
        store: await context.store(),
        registry: (await context.database()).maintenance,
        ...{ target, keys, links: options.links, signal: options.signal },
        mirrored: [...mirrored.keys()],
        version: packageVersion(),
        progress: withCounts(options.progress, options.job),
      });
      return { ...created, leavesSecretsOut: leavesOut };
    } finally {
      await close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }

  /** PostgreSQL has the counters, and {@link snapshotDatabase} has copied them. */
  async function counters(): Promise<string | undefined> {
    const copy = path.join(folder, "berth-counts.db");
    if (config.database.url !== undefined) return copy;
    const file = pullCounterFile(config);
    if (!existsSync(file)) return undefined;
    await snapshotSqlite(file, copy);
    return copy;
  }
}

/** Shows the progress as that of a job too. */
function withCounts(progress: BackupProgress, job: RunningJob): BackupProgress {
  const counts = { blobs: 0, bytes: 0, lost: 0 };
  return {
    start: (bytes) => progress.start(bytes),
    advance(bytes) {
      counts.blobs += 1;
      counts.bytes += bytes;
      job.count(counts);
      progress.advance(bytes);
    },
    lost(blob, error) {
      counts.lost += 1;
      job.find({ kind: blob.state, digest: blob.digest, size: blob.sizeBytes });
      progress.lost(blob, error);
    },
  };
}

async function sealedSecrets(
  context: AppContext,
  rows: Pick<Database, "instance" | "webhookSecrets" | "addedMirrors">,
  passphrase: string | undefined,
): Promise<{ readonly keys: PassphraseSealed | null; readonly leavesOut: boolean }> {
  const secrets = await readSecrets(context, rows);
  const hasSecrets = Object.values(secrets).some((ofOneKind) => ofOneKind.length > 0);
  if (!hasSecrets || passphrase === undefined) return { keys: null, leavesOut: hasSecrets };
  const instance = await rows.instance.get();
  return { keys: await sealSecrets(secrets, passphrase, instance?.id ?? ""), leavesOut: false };
}

function linksInto({ config }: AppContext, { location }: BackupTarget): Links {
  const need = "--link needs blobs in a data folder and a backup folder on the same file system";
  if (config.storage.driver !== "filesystem" || location.startsWith("s3://"))
    throw new BackupError(need);
  const links = createBlobLinks(config.data, location);
  return {
    flush: () => links.flush(),
    link: (key) =>
      links.link(key).catch((error: NodeJS.ErrnoException) => {
        const isImpossible = ["EXDEV", "EPERM", "ENOTSUP", "EMLINK"].includes(error.code ?? "");
        if (isImpossible) throw new BackupError(`${need} (${error.code})`, { cause: error });
        throw error;
      }),
  };
}

/** Opens a database file of a backup, in a temporary folder. */
export async function openBackupDatabase(file: string): Promise<{
  readonly rows: Pick<Database, "integrity" | "maintenance">;
  close(): Promise<void>;
}> {
  const { reads, close } = openReads(file);
  return { rows: reads, close };
}
