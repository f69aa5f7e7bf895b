import process from "node:process";
import { Command, InvalidArgumentError } from "commander";
import type { BackupProgress } from "../../maintenance/backup/create.ts";
import type { BackupPoint } from "../../maintenance/backup/point.ts";
import type { BackupTarget } from "../../maintenance/backup/target.ts";
import { readPassphrase, withBackup, withTarget, type BackupOptions } from "../support/backups.ts";
import { withDataFolder } from "../support/data-folder.ts";
import { dataFolderCommand, group, withConfigFile } from "../support/options.ts";
import {
  createProgress,
  formatBytes,
  tableOf,
  type Progress,
  type Say,
} from "../support/output.ts";

interface CreateOptions extends BackupOptions {
  readonly passphraseFile?: string;
  readonly link?: true;
}

interface VerifyOptions extends BackupOptions {
  readonly quick?: true;
}

interface PruneOptions extends BackupOptions {
  readonly keep: number;
}

const notes = `
A backup is a folder, or s3://BUCKET/PREFIX. It has points in time, which share
the blobs: each run copies only the new ones. "berth restore" makes a registry
of a point. docs/backup.md has more.

Endpoint and credentials of a bucket are those of storage.s3 in the
configuration of the server, or in the file of --s3, or those of the AWS
environment variables.
`;

const createNotes = `
Servers run meanwhile. The point has all that was acknowledged before it began.
No bytes of blobs are deleted while it runs, except those that a mirror evicts.

--passphrase-file adds the keys that sign tokens and the secrets of webhooks,
encrypted. Without them clients log in again after a restore, and webhooks may
need new secrets. --link needs no space for the blobs, and
does not protect them from a failure of their disk.

The exit code is 1 if the registry itself has lost a blob.
`;

/** `berth backup create|list|verify|prune` */
export function backupCommand(): Command {
  const command = new Command("backup")
    .description("make, list, verify and prune backups")
    .addHelpText("after", notes);
  return group(command, [
    withPlace(dataFolderCommand("create", "add a point in time, while servers run"))
      .option("--passphrase-file <file>", "the first line encrypts the keys that sign tokens")
      .option("--link", "link the files of blobs in place of a copy, on one file system")
      .addHelpText("after", createNotes)
      .action(create),
    backupOnly("list", "list the points, the newest first").action(list),
    backupOnly("verify", "read all points, or one, and compare their digests")
      .argument("[point]", "the id of a point in the output of list")
      .option("--quick", "compare only the sizes of blobs")
      .action(verify),
    backupOnly("prune", "remove the oldest points and the blobs that only they need")
      .requiredOption("--keep <n>", "how many points stay", parseKeep)
      .action(prune),
  ]);
}

/** Adds the arguments and options that name a backup. */
export const withPlace = (command: Command): Command =>
  command
    .argument("<backup>", "a folder, or s3://BUCKET/PREFIX")
    .option("--s3 <file>", "a configuration file with the storage.s3 keys of the bucket");

const backupOnly = (name: string, description: string): Command =>
  withConfigFile(withPlace(new Command(name).description(description))).option(
    "--json",
    "print one JSON object per line, for programs",
  );

function parseKeep(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError("It is a number above 0.");
  return Number(text);
}

async function create(location: string, options: CreateOptions): Promise<void> {
  const passphrase = await readPassphrase(options.passphraseFile);
  await withDataFolder(options, async (context, say) => {
    const place = { location, config: context.config, ...(options.s3 && { s3: options.s3 }) };
    await withTarget(place, true, async (target) => {
      const [{ backUp }, { stateTexts }] = await Promise.all([
        import("../../app/backup.ts"),
        import("../../maintenance/backup/create.ts"),
      ]);
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

function list(location: string, options: BackupOptions): Promise<void> {
  return withBackup(location, options, async (target, say) => {
    const { listPoints, readPoint } = await import("../../maintenance/backup/point.ts");
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

function verify(location: string, id: string | undefined, options: VerifyOptions): Promise<void> {
  return withBackup(location, options, async (target, say) => {
    const [{ listPoints, readPoint }, { verifyBackup }, { openBackupDatabase }] = await Promise.all(
      [
        import("../../maintenance/backup/point.ts"),
        import("../../maintenance/backup/verify.ts"),
        import("../../app/backup.ts"),
      ],
    );
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

function prune(location: string, options: PruneOptions): Promise<void> {
  return withBackup(location, options, async (target, say) => {
    const { pruneBackup } = await import("../../maintenance/backup/prune.ts");
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
