import path from "node:path";
import type { BlobStore } from "../../../storage/blob-store.ts";
import type { PassphraseSealed } from "../../auth/signing-keys/passphrase.ts";
import { inOrder } from "../../concurrency/in-order.ts";
import type { Database } from "../../database/contract.ts";
import type { StoredBlob } from "../../database/maintenance/checks.ts";
import { backupMark, isBackupMark } from "../recovery.ts";
import { storeFile, writeBlobList, type BlobEntry } from "./blob-list.ts";
import { newPointId, writePoint, type BackupPoint } from "./point.ts";
import { BackupError, type BackupTarget, type BlobState, type Links } from "./target.ts";
import { createSizeThere, isEmpty, transferBlob } from "./transfer.ts";

/** A copy of the databases of a registry, in a folder of its own. */
export interface Snapshot {
  readonly takenAtMs: number;
  readonly folder: string;
  readonly database: string;
  readonly pullCounters: string | undefined;
  /** The rows of the copy. */
  readonly rows: Pick<Database, "instance" | "maintenance">;
}

export interface CreateBackup {
  readonly snapshot: Snapshot;
  /** The blobs of the registry. The bytes that the snapshot names stay until the end, unless a mirror evicts them. */
  readonly store: Pick<BlobStore, "open">;
  /** The rows of the registry now. */
  readonly registry: Pick<Database["maintenance"], "keepsBytes">;
  readonly links: Links | undefined;
  readonly target: BackupTarget;
  /** The namespaces of mirrors, whose blobs may be evicted at any time. */
  readonly mirrored: readonly string[];
  readonly keys: PassphraseSealed | null;
  readonly version: string;
  readonly signal: AbortSignal;
  readonly progress: BackupProgress;
}

export interface BackupProgress {
  /** The bytes of all blobs. */
  start(bytes: number): void;
  /** A blob was copied, or found in the backup. */
  advance(bytes: number): void;
  /** A blob of the database that the backup does not have. */
  lost(blob: BlobEntry, error: unknown): void;
}

/** The sums of one run. */
export interface CreatedBackup {
  readonly point: BackupPoint;
  /** Blobs and their bytes that this run has copied or linked. */
  readonly newBlobs: number;
  readonly newBytes: number;
}

const atOnce = 8;
const rowsAtOnce = 256;
/** More unreadable blobs than this are a failure of the store, not of single blobs. */
const unreadableAtMost = 100;

/**
 * Adds a point to a backup: copies the blobs that the snapshot names and the backup lacks, then the snapshot, and writes
 * the point last. An interrupted run leaves no point, and the next run uses the blobs that it has copied.
 * Throws BackupError, and the errors of both stores.
 */
export async function createBackup(parts: CreateBackup): Promise<CreatedBackup> {
  const { snapshot, target, signal } = parts;
  const instance = await claimFor(parts);
  for await (const upload of target.store.listUploads()) await target.store.abort(upload);

  const sums = { newBlobs: 0, newBytes: 0, blobs: 0, bytes: 0, lost: 0, evicted: 0 };
  const listFile = path.join(snapshot.folder, "blobs.jsonl.gz");
  await writeBlobList(listFile, copyBlobs(parts, sums));
  await parts.links?.flush();

  const { store } = target;
  const list = await storeFile(store, listFile);
  const { pullCounters } = snapshot;
  const counters = pullCounters === undefined ? null : await storeFile(store, pullCounters);
  const database = await storeFile(store, snapshot.database);
  signal.throwIfAborted();
  const { newBlobs, newBytes, ...counts } = sums;
  const point: BackupPoint = {
    id: await newPointId(target, snapshot.takenAtMs),
    createdAt: new Date(snapshot.takenAtMs).toISOString(),
    version: parts.version,
    instance,
    ...{ database, pullCounters: counters, list },
    repositories: await snapshot.rows.maintenance.countRepositories(),
    ...counts,
    keys: parts.keys,
  };
  await writePoint(target, point);
  return { point, newBlobs, newBytes };
}

/** Marks the backup as that of this registry. Returns the id of the registry. */
async function claimFor({ snapshot, target }: CreateBackup): Promise<string> {
  const row = await snapshot.rows.instance.get();
  if (row === undefined)
    throw new BackupError('no server has run on this database yet: start "berth serve" once');
  const mark = await target.store.identity();
  const ours = backupMark(row.id);
  if (mark === ours) return row.id;
  if (isBackupMark(mark))
    throw new BackupError(`${target.location} has the backups of another registry`);
  if (mark !== undefined || !(await isEmpty(target.store)))
    throw new BackupError(`${target.location} has the blobs of a registry: use another place`);
  await target.store.claim(ours);
  return row.id;
}

type Sums = {
  -readonly [Name in "blobs" | "bytes" | "lost" | "evicted"]: BackupPoint[Name];
} & { newBlobs: number; newBytes: number };

async function* copyBlobs(parts: CreateBackup, sums: Sums): AsyncGenerator<BlobEntry> {
  const { snapshot, store: from, links, target, signal, progress } = parts;
  const { maintenance } = snapshot.rows;
  progress.start((await maintenance.counts()).bytes);
  const sizeThere = await createSizeThere(target.store);
  let unreadable = 0;
  const results = inOrder(liveBlobs(maintenance), atOnce, async ({ id, storageKey, ...blob }) => {
    signal.throwIfAborted();
    const given = { ...blob, key: storageKey };
    const transferred = await transferBlob({ from, to: target.store, sizeThere, links }, given);
    if (transferred.state !== "absent") return transferred;
    return { ...transferred, state: await stateOfAbsent(parts, { id, storageKey }) };
  });
  for await (const { blob, state, by, error } of results) {
    const entry: BlobEntry = { ...blob, state };
    progress.advance(blob.sizeBytes);
    if (state === "kept") {
      sums.blobs += 1;
      sums.bytes += blob.sizeBytes;
    } else if (state === "evicted") sums.evicted += 1;
    else {
      sums.lost += 1;
      progress.lost(entry, error);
    }
    if (by === "copy" || by === "link") {
      sums.newBlobs += 1;
      sums.newBytes += blob.sizeBytes;
    }
    if (state === "unreadable" && (unreadable += 1) > unreadableAtMost) throw error;
    yield entry;
  }
}

/** Why the registry has no bytes of a blob. Throws BackupError if it has deleted them during the backup. */
async function stateOfAbsent(
  { snapshot, registry, mirrored }: CreateBackup,
  { id, storageKey }: Pick<StoredBlob, "id" | "storageKey">,
): Promise<"absent" | "evicted"> {
  if (!(await snapshot.rows.maintenance.isLinkedOutside(id, mirrored))) return "evicted";
  if (await registry.keepsBytes(storageKey)) return "absent";
  throw new BackupError(
    "the registry has deleted blobs of this backup, because the process was paused for more than a minute: run it again",
  );
}

async function* liveBlobs({ blobs }: Database["maintenance"]): AsyncGenerator<StoredBlob> {
  let after = 0;
  for (;;) {
    const rows = await blobs({ after, limit: rowsAtOnce });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.id;
  }
}

/** What the states of blobs in a backup mean, for messages. */
export const stateTexts: Readonly<Record<Exclude<BlobState, "kept">, string>> = {
  absent: "the registry has no bytes of it",
  damaged: "its bytes in the registry are wrong",
  unreadable: "the registry cannot read it",
  evicted: "a mirror has evicted it",
};
