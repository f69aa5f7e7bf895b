import process from "node:process";
import { backUp, openBackupDatabase } from "../../app/backup.ts";
import { restoreBackup } from "../../app/restore.ts";
import { stateTexts, type BackupProgress } from "../../maintenance/backup/create.ts";
import { listPoints, readPoint, type BackupPoint } from "../../maintenance/backup/point.ts";
import { pruneBackup } from "../../maintenance/backup/prune.ts";
import type { BackupTarget } from "../../maintenance/backup/target.ts";
import { verifyBackup } from "../../maintenance/backup/verify.ts";
import { readPassphrase, withBackup, withTarget, type BackupOptions } from "./backups.ts";
import { withDataFolder } from "./data-folder.ts";
import { createProgress, formatBytes, tableOf, type Progress, type Say } from "./output.ts";

/*
 * What `berth backup …` and `berth restore` do.
 */

export interface CreateOptions extends BackupOptions {
  readonly passphraseFile?: string;
  readonly link?: true;
}

export interface VerifyOptions extends BackupOptions {
  readonly quick?: true;
}

export interface PruneOptions extends BackupOptions {
  readonly keep: number;
}

export interface RestoreOptions extends BackupOptions {
  readonly point?: string;
  readonly passphraseFile?: string;
  readonly keepBlobs?: true;
}

export async function create(location: string, options: CreateOptions): Promise<void> {
  const passphrase = await readPassphrase(options.passphraseFile);
  await withDataFolder(options, async (context, say) => {
    const place = { location, config: context.config, ...(options.s3 && { s3: options.s3 }) };
    await withTarget(place, true, async (target) => {
      let bar: Progress | undefined;
      const progress: BackupProgress = {
        start: (bytes) => (bar = createProgress("copying", bytes)),
        advance: (bytes) => bar?.advance(bytes),
        lost({ state, digest }, error) {
          if (state === "kept") return;
          const reason = error instanceof Error ? ` (${error.message})` : "";
          const text = `lost: ${digest}: ${stateTexts[state]}${reason}`;
          bar?.pause(() => say({ kind: "finding", digest, state }, text));
        },
      };
      const isLinked = options.link === true;
      const interrupt = (): void => void context.jobs().then((jobs) => jobs.close());
      for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, interrupt);
      const made = await backUp(context, target, { passphrase, isLinked, progress }).finally(() =>
        bar?.end(),
      );
      sayCreated(made, target, say);
    });
  });
}

function sayCreated(
  made: {
    readonly point: BackupPoint;
    readonly newBlobs: number;
    readonly newBytes: number;
    readonly leavesSecretsOut: boolean;
  },
  { location }: BackupTarget,
  say: Say,
): void {
  const { point, newBlobs, newBytes } = made;
  const { id, repositories, blobs, bytes, lost, evicted } = point;
  const text = `${repositories} repositories, ${blobs} blobs of ${formatBytes(bytes)}; ${newBlobs} of them are new, ${formatBytes(newBytes)}`;
  const lines = [`made the point ${id} in ${location}: ${text}`];
  if (evicted > 0)
    lines.push(`${evicted} blobs of mirrors were evicted: a pull fetches them again`);
  if (lost > 0)
    lines.push(`${lost} blobs are lost in the registry: run "berth scrub", and push them again`);
  if (made.leavesSecretsOut)
    lines.push(
      "the keys that sign tokens and the secrets of webhooks are not in it: add them with --passphrase-file FILE",
    );
  const hasKeys = point.keys !== null;
  const counts = { repositories, blobs, bytes, lost, evicted, newBlobs, newBytes };
  say({ kind: "point", id, location, ...counts, keys: hasKeys }, ...lines);
  if (lost > 0) process.exitCode = 1;
}

export function list(location: string, options: BackupOptions): Promise<void> {
  return withBackup(location, options, async (target, say) => {
    const rows: string[][] = [];
    for (const id of await listPoints(target)) {
      const point = await readPoint(target, id).catch(undefinedIfDamaged);
      if (point === undefined) {
        if (options.json) say({ id, state: "damaged" });
        rows.push([id, "?", "?", "?", "?", "damaged"]);
        continue;
      }
      const { createdAt, repositories, blobs, bytes, lost, evicted, keys, version } = point;
      const facts = { id, createdAt, repositories, blobs, bytes, lost, evicted, version };
      const state = lost === 0 ? "complete" : `lacks ${lost} blobs`;
      if (options.json) say({ ...facts, keys: keys !== null, state });
      const numbers = [`${repositories}`, `${blobs}`, formatBytes(bytes)];
      rows.push([id, ...numbers, keys === null ? "no" : "yes", state]);
    }
    if (!options.json)
      say({}, ...tableOf(["POINT", "REPOSITORIES", "BLOBS", "SIZE", "KEYS", "STATE"], rows));
  });
}

function undefinedIfDamaged(error: unknown): undefined {
  if (!(error instanceof Error && error.name === "BackupError")) throw error;
}

export function verify(
  location: string,
  id: string | undefined,
  options: VerifyOptions,
): Promise<void> {
  return withBackup(location, options, async (target, say) => {
    const points = id === undefined ? await listPoints(target) : [id];
    const sizes = points.map((one) => readPoint(target, one).catch(() => ({ bytes: 0, lost: 0 })));
    const known = await Promise.all(sizes);
    const bar = createProgress(
      "reading",
      known.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    const isQuick = options.quick === true;
    const seen = (bytes: number): void => bar.advance(bytes);
    let wrong = 0;
    const parts = { target, points, isQuick, openDatabase: openBackupDatabase, seen };
    for await (const { point, message } of verifyBackup(parts)) {
      wrong += 1;
      bar.pause(() => say({ kind: "finding", point, message }, `${point}: ${message}`));
    }
    bar.end();
    const lost = known.reduce((sum, one) => sum + one.lost, 0);
    const lines = [`${points.length} points: ${wrong === 0 ? "no errors" : `${wrong} errors`}`];
    if (lost > 0)
      lines.push(
        `${lost} blobs were lost in the registry before: "berth backup list" names the points`,
      );
    say({ kind: "sum", points: points.length, wrong, lost }, ...lines);
    if (wrong > 0) process.exitCode = 1;
  });
}

export function prune(location: string, options: PruneOptions): Promise<void> {
  return withBackup(location, options, async (target, say) => {
    const lock = await target.lock();
    try {
      const pruned = await pruneBackup(target, options.keep, lock.signal);
      const { removed, kept, deletedBlobs, deletedBytes } = pruned;
      say(
        { kind: "sum", ...pruned },
        ...removed.map((id) => `removed ${id}`),
        `${kept.length} points stay; deleted ${deletedBlobs} blobs of ${formatBytes(deletedBytes)}`,
      );
    } finally {
      await lock.release();
    }
  });
}

export async function restore(location: string, options: RestoreOptions): Promise<void> {
  const passphrase = await readPassphrase(options.passphraseFile);
  await withBackup(location, options, async (from, say, config) => {
    const id = options.point ?? (await listPoints(from))[0] ?? "";
    const point = await readPoint(from, id);
    const bar = createProgress("copying", point.bytes);
    const keepsBlobs = options.keepBlobs === true;
    const advance = (bytes: number): void => bar.advance(bytes);
    const restoring = { config, from, point, passphrase, keepsBlobs, advance };
    const { copied, there, bytes, missing, keys, webhooks } = await restoreBackup(
      restoring,
    ).finally(() => bar.end());
    const text = `restored the point ${id}: ${point.repositories} repositories; copied ${copied} blobs of ${formatBytes(bytes)}, ${there} were there`;
    const lines = [text];
    for (const { digest } of missing) lines.push(`missing: ${digest}: push it again`);
    if (passphrase === undefined && point.keys !== null)
      lines.push(
        "the keys that sign tokens were not restored: clients log in again, and webhooks may need new secrets",
      );
    lines.push('run "berth check" before the first start');
    const facts = { copied, there, bytes, missing: missing.length, keys, webhooks };
    say({ kind: "sum", point: id, repositories: point.repositories, ...facts }, ...lines);
    // Mirrors fetch their blobs again.
    if (missing.some(({ state }) => state !== "evicted")) process.exitCode = 1;
  });
}
