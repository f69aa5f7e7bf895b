import { createHash } from "node:crypto";
import type { BlobKey } from "../../../storage/blob-store.ts";
import { isDocumentName } from "../../../storage/documents.ts";
import type { PassphraseSealed } from "../../auth/signing-keys/passphrase.ts";
import type { Digest } from "../../oci/digest.ts";
import { BackupError, type BackupTarget } from "./target.ts";

/** A file of a point, stored as a blob. */
export interface StoredPart {
  readonly key: BlobKey;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** One point in time of a registry. */
export interface BackupPoint {
  /** Its time, such as `20261130T061005Z`; a point of the same second gets a number. Points sort by their ids. */
  readonly id: string;
  /** When the copy of the database was made: the backup has what was acknowledged before. */
  readonly createdAt: string;
  /** The version of Berth that made it. */
  readonly version: string;
  /** The id of the registry. */
  readonly instance: string;
  /** A SQLite file, also for a registry on PostgreSQL. */
  readonly database: StoredPart;
  /** A SQLite file; `null`: there are none. */
  readonly pullCounters: StoredPart | null;
  /** The list of its blobs (blob-list.ts). */
  readonly list: StoredPart;
  readonly repositories: number;
  readonly blobs: number;
  readonly bytes: number;
  /** The blobs of the database that the backup does not have, because the registry had no correct bytes of them. */
  readonly lost: number;
  /** The blobs of mirrors that were evicted during the backup. A pull fetches them again. */
  readonly evicted: number;
  /** The keys that sign tokens and the secrets of webhooks; `null`: there was no passphrase, or nothing to encrypt. */
  readonly keys: PassphraseSealed | null;
}

const format = 1;

const hashOf = (point: unknown): string =>
  createHash("sha256").update(JSON.stringify(point)).digest("hex");

export const writePoint = ({ points }: BackupTarget, point: BackupPoint): Promise<void> =>
  points.write(point.id, `${JSON.stringify({ format, sha256: hashOf(point), point }, null, 2)}\n`);

/** Reads a point. Throws BackupError if it does not exist, is damaged, or a newer Berth has written it. */
export async function readPoint(target: BackupTarget, id: string): Promise<BackupPoint> {
  const text = isDocumentName(id) ? await target.points.read(id) : undefined;
  if (text === undefined)
    throw new BackupError(`${target.location} has no point ${id}; "berth backup list" lists all`);
  const damaged = new BackupError(`the point ${id} of ${target.location} is damaged`);
  let found: Partial<{ format: number; sha256: string; point: BackupPoint }> | null;
  try {
    found = JSON.parse(text) as typeof found;
  } catch {
    throw damaged;
  }
  if ((found?.format ?? 0) > format)
    throw new BackupError(`a newer Berth has written the point ${id}: use that Berth`);
  if (found?.point === undefined || found.sha256 !== hashOf(found.point)) throw damaged;
  if (found.point.id !== id) throw damaged;
  return found.point;
}

/** The ids of all points, the newest first. Throws BackupError if there is no backup. */
export async function listPoints(target: BackupTarget): Promise<readonly string[]> {
  const ids = await target.points.list();
  if (ids.length === 0)
    throw new BackupError(
      `there is no backup in ${target.location}: "berth backup create" makes one`,
    );
  return ids.toSorted().toReversed();
}

/** The id of a new point. */
export async function newPointId(
  { points }: Pick<BackupTarget, "points">,
  nowMs: number,
): Promise<string> {
  const used = new Set(await points.list());
  const base = `${new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
  for (let number = 1; ; number += 1) {
    const id = number === 1 ? base : `${base}-${number}`;
    if (!used.has(id)) return id;
  }
}
