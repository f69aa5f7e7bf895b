import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { inOrder } from "../../concurrency/in-order.ts";
import type { Database } from "../../database/contract.ts";
import { verifyBlob, type BlobVerification } from "../../registry/blob-verification.ts";
import { fetchFile, readBlobList } from "./blob-list.ts";
import { readPoint, type BackupPoint } from "./point.ts";
import { BackupError, type BackupTarget } from "./target.ts";

/** Something that a point needs and the backup does not have. */
export interface BackupFinding {
  readonly point: string;
  /** One line. */
  readonly message: string;
}

export interface VerifyBackup {
  readonly target: BackupTarget;
  /** The ids of the points. */
  readonly points: readonly string[];
  /** Compares only the sizes of blobs, and does not read them. */
  readonly isQuick: boolean;
  /** Opens a database file of a point. */
  readonly openDatabase: (file: string) => Promise<{
    readonly rows: Pick<Database, "integrity" | "maintenance">;
    close(): Promise<void>;
  }>;
  /** Gets the bytes of each blob that was checked. */
  readonly seen: (bytes: number) => void;
}

const atOnce = 8;

/**
 * Reads all that the points need: their databases, lists and blobs, and checks the databases. A blob that several points
 * share is read once. Yields what is missing or damaged.
 */
export async function* verifyBackup(parts: VerifyBackup): AsyncGenerator<BackupFinding> {
  const checked = new Map<string, string | undefined>();
  for (const id of parts.points) {
    const found = await readPoint(parts.target, id).catch(asFinding(id));
    if ("message" in found) yield found;
    else yield* verifyPoint(parts, found, checked);
  }
}

/** @param checked the problems of the blobs that were checked, by key */
async function* verifyPoint(
  parts: VerifyBackup,
  point: BackupPoint,
  checked: Map<string, string | undefined>,
): AsyncGenerator<BackupFinding> {
  const { target, seen } = parts;
  const finding = (message: string): BackupFinding => ({ point: point.id, message });
  const problem = await problemOfDatabase(parts, point);
  if (problem !== undefined) yield finding(problem);
  let blobs = 0;
  try {
    const entries = readBlobList(target, point.list);
    const results = inOrder(entries, atOnce, async (entry) => {
      const { key, state } = entry;
      if (state === "kept" && !checked.has(key))
        checked.set(key, problemOf(await verifyOne(parts, entry)));
      return entry;
    });
    for await (const { key, digest, sizeBytes, state } of results) {
      if (state !== "kept") continue;
      blobs += 1;
      seen(sizeBytes);
      const found = checked.get(key);
      if (found !== undefined) yield finding(`${digest}: ${found} (${key})`);
    }
  } catch (error) {
    yield asFinding(point.id)(error);
    return;
  }
  if (blobs !== point.blobs)
    yield finding(`its list has ${blobs} blobs, and the point tells ${point.blobs}`);
}

async function verifyOne(
  { target: { store }, isQuick }: VerifyBackup,
  entry: Parameters<typeof stored>[0],
): Promise<BlobVerification> {
  const blob = stored(entry);
  if (!isQuick) return await verifyBlob(store, blob, () => Promise.resolve());
  const found = await store.stat(blob.storageKey);
  if (found === undefined) return { blob, state: "absent" };
  return { blob, state: found.sizeBytes === blob.sizeBytes ? "whole" : "wrong-size" };
}

const stored = ({
  key,
  digest,
  sizeBytes,
}: {
  readonly key: string;
  readonly digest: BlobVerification["blob"]["digest"];
  readonly sizeBytes: number;
}): BlobVerification["blob"] => ({ id: 0, storageKey: key, digest, sizeBytes });

function problemOf({ state, error }: BlobVerification): string | undefined {
  switch (state) {
    case "whole":
      return undefined;
    case "absent":
      return "no file";
    case "wrong-size":
      return "a file of another size";
    case "wrong-digest":
      return "other bytes";
    case "unreadable":
      return `cannot be read: ${String(error)}`;
  }
}

/** Copies the databases to a temporary folder, and checks the main one. */
async function problemOfDatabase(
  { target, openDatabase }: VerifyBackup,
  { database, pullCounters, blobs, lost, evicted }: BackupPoint,
): Promise<string | undefined> {
  // Not in the backup, which may be on a file system that is mounted read-only.
  const folder = await mkdtemp(path.join(tmpdir(), "berth-verify-"));
  try {
    if (pullCounters !== null)
      await fetchFile(target, pullCounters, path.join(folder, "berth-counts.db"));
    const file = path.join(folder, "berth.db");
    await fetchFile(target, database, file);
    const opened = await openDatabase(file);
    try {
      const [damage] = await opened.rows.integrity(false);
      if (damage !== undefined) return `its database is damaged: ${damage}`;
      const inDatabase = await countLive(opened.rows.maintenance);
      const inList = blobs + lost + evicted;
      if (inDatabase !== inList)
        return `its database has ${inDatabase} blobs, and its list has ${inList}`;
      return undefined;
    } finally {
      await opened.close();
    }
  } catch (error) {
    return asFinding("")(error).message;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function countLive({ blobs }: Pick<Database["maintenance"], "blobs">): Promise<number> {
  let [count, after] = [0, 0];
  for (;;) {
    const rows = await blobs({ after, limit: 1_000 });
    count += rows.length;
    const last = rows.at(-1);
    if (last === undefined) return count;
    after = last.id;
  }
}

/** A damaged or lost part of the backup as a finding. Throws every other error. */
const asFinding =
  (point: string) =>
  (error: unknown): BackupFinding => {
    if (!(error instanceof BackupError)) throw error;
    return { point, message: error.message };
  };
