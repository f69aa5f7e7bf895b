import { randomInt } from "node:crypto";
import path from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import SqliteDatabase from "../../src/database/sqlite/driver.ts";
import { postgresPid, runSql } from "../servers/postgres.ts";
import type { RunningServer } from "../servers/program.ts";
import { memoryOf } from "../support/processes.ts";
import type { Figures } from "./report.ts";
import type { Registry } from "./registries.ts";
import { flush, type ScaleWork } from "./works.ts";

/** What a measurement does with the figures that it has seen. */
export type Note = (registry: Registry, figures: Figures) => void;

const idleMs = 2_000;
/** A start after a crash reads the whole database. */
const recoveryPatienceMs = 3_600_000;

/** Starts and stops the registries in turn. */
export async function measureStarts(
  registries: readonly Registry[],
  starts: number,
  note: Note,
): Promise<void> {
  for (let start = 0; start < starts; start += 1)
    for (const registry of inTurn(registries, start)) {
      await flush(registry);
      const running = await registry.start();
      await pause(idleMs);
      note(registry, { start: running.startMs, idle: memoryOf(running.pid, "VmRSS") });
      await running.stop();
    }
}

/** Kills a server that runs, and starts it again. */
export async function measureKilled(registry: Registry, note: Note): Promise<void> {
  const killed = await registry.start();
  process.kill(killed.pid, "SIGKILL");
  await killed.stop();
  await flush(registry);
  const running = await registry.start(recoveryPatienceMs);
  await running.stop();
  note(registry, { startKilled: running.startMs });
}

/** Begins at random: the folder may have what an earlier run pushed. */
let turn = randomInt(1_000_000_000);

/** All registries run; in each round each work runs on one after another. */
export async function measureRounds(
  registries: readonly Registry[],
  { works, rounds }: { readonly works: readonly ScaleWork[]; readonly rounds: number },
  note: Note,
): Promise<void> {
  const running = new Map<Registry, RunningServer>();
  const once = async (registry: Registry, work: ScaleWork, round: number): Promise<Figures> => {
    const server = running.get(registry);
    if (server === undefined) throw new Error("each registry runs");
    const { databaseUrl } = registry;
    const databasePid = databaseUrl === undefined ? undefined : postgresPid(databaseUrl);
    turn += 1;
    await flush(registry);
    return work({ registry, running: server, turn, round, databasePid });
  };
  try {
    for (const registry of registries) running.set(registry, await registry.start());
    // Not noted: a JIT-compiled program is slower in its first seconds.
    for (const work of works) for (const registry of registries) await once(registry, work, 0);
    for (let round = 1; round <= rounds; round += 1)
      for (const work of works)
        for (const registry of inTurn(registries, round))
          note(registry, await once(registry, work, round));
    for (const [registry, { pid }] of running)
      note(registry, { peak: memoryOf(pid, "VmHWM"), database: registry.databaseBytes() });
  } finally {
    for (const { stop } of running.values()) await stop();
  }
}

const inTurn = <T>(all: readonly T[], round: number): readonly T[] =>
  round % 2 === 0 ? all : all.toReversed();

const candidates = 1_000;

/** Collects 1,000 blobs that a manifest names, and 1,000 that none names; first as a dry run. */
export async function measureCollection(registry: Registry, note: Note): Promise<void> {
  addCandidates(registry);
  const collect = async (...args: readonly string[]) => {
    let sum: { readonly links?: number } = {};
    const ran = await registry.command(["gc", "--json", ...args], (line) => {
      if (line.includes('"sum"')) sum = JSON.parse(line) as typeof sum;
    });
    if (ran.code !== 0 || sum.links !== candidates)
      throw new Error(`berth gc ${args.join(" ")}: ${ran.code}, ${sum.links} links`);
    return ran;
  };
  const dryRun = await collect("--dry-run");
  note(registry, { dryRun: dryRun.seconds, dryRunPeak: dryRun.peakBytes });
  const gc = await collect("--now");
  note(registry, { gc: gc.seconds, gcPeak: gc.peakBytes });
}

function addCandidates(registry: Registry): void {
  turn += 1;
  const { images } = registry.stock;
  const digest = `'sha256:' || '${String(turn).padStart(56, "0")}' || CAST(10000000 + i AS text)`;
  const ids = Array.from(
    { length: candidates },
    (_, at) => Math.floor((at * images) / candidates) + 1,
  );
  const added = `(SELECT max(id) - ${candidates} FROM blobs)`;
  const due = "ON CONFLICT (repository_id, blob_id) DO UPDATE SET due_at = 0";
  execute(registry, [
    `INSERT INTO blob_reviews (repository_id, blob_id, due_at)
     SELECT repository_id, blob_id, 0 FROM blob_links WHERE blob_id IN (${ids.join()}) ${due}`,
    `INSERT INTO blobs (digest, size_bytes, storage_key, created_at)
     WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < ${candidates})
     SELECT ${digest}, 1, 'blobs/sha256/00/' || substr(${digest}, 8) || '.01JGFJJZ00FFFFFFFFFFFFFFFF', 0 FROM numbers`,
    `INSERT INTO blob_links (repository_id, blob_id, created_at, leased_until)
     SELECT (SELECT min(repository_id) FROM blob_links), id, 0, 0 FROM blobs WHERE id > ${added}`,
    `INSERT INTO blob_reviews (repository_id, blob_id, due_at)
     SELECT repository_id, blob_id, 0 FROM blob_links WHERE blob_id > ${added}`,
  ]);
}

function execute({ folder, databaseUrl }: Registry, statements: readonly string[]): void {
  if (databaseUrl !== undefined) {
    for (const sql of statements) runSql(databaseUrl, sql);
    return;
  }
  const db = new SqliteDatabase(path.join(folder, "data/berth.db"));
  try {
    db.transaction(() => {
      for (const sql of statements) db.exec(sql);
    })();
  } finally {
    db.close();
  }
}

/** Counts what `berth check` finds: most blobs have no file, and nothing else is wrong. */
export async function measureCheck(registry: Registry, note: Note): Promise<void> {
  const withoutFile = /"a blob's bytes are in the store".*: no file"/;
  const others: string[] = [];
  const { seconds, peakBytes } = await registry.command(["check", "--json"], (line) => {
    if (!withoutFile.test(line) && !line.includes('"sum"')) others.push(line);
  });
  if (others[0] !== undefined) throw new Error(`berth check found ${others.length}: ${others[0]}`);
  note(registry, { check: seconds, checkPeak: peakBytes });
}
