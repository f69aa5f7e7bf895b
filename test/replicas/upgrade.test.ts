import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createScratch } from "../clients/support/scratch.ts";
import { collecting, leaseMs, startCluster } from "./support/cluster.ts";
import { startLoad } from "./support/load.ts";
import { checkCluster } from "./support/oracle.ts";
import { program, runBerth } from "./support/replica.ts";
import { loadMs } from "./support/times.ts";

const root = path.join(import.meta.dirname, "../..");
const newest = readdirSync(path.join(root, "migrations/postgres")).toSorted().at(-1) ?? "";
const newestNumber = Number(newest.slice(0, 4));
const numbered = (number: number): string => String(number).padStart(4, "0");

/** Creates the next version of Berth: this one, with one more migration. Returns its program. */
function createNextVersion(name: string, migration: string): string {
  const folder = createScratch(name);
  for (const part of ["dist", "migrations", "package.json"])
    cpSync(path.join(root, part), path.join(folder, part), { recursive: true });
  symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"));
  mkdirSync(path.join(folder, "migrations/postgres"), { recursive: true });
  const file = `${numbered(newestNumber + 1)}-next.sql`;
  writeFileSync(path.join(folder, "migrations/postgres", file), migration);
  return path.join(folder, "dist/main.js");
}

test("replicas of this and of the next version serve together, in an upgrade and back", async (t) => {
  const next = createNextVersion(
    "next",
    `-- readable by: ${numbered(newestNumber)}
     ALTER TABLE repositories ADD COLUMN next_note text;
     CREATE INDEX next_index ON repositories (next_note) WHERE next_note IS NOT NULL;\n`,
  );
  const cluster = await startCluster({ env: collecting });
  const { postgres, replicas } = cluster;
  const load = startLoad({ connect: () => cluster.client(), name: "upgrade", leaseMs });
  const change = async (index: number, version: string): Promise<void> => {
    const code = await replicas[index]?.end("SIGTERM");
    assert.equal(code, 0, `replica ${index} ended with ${code}`);
    await cluster.start(index, { version });
    await pause(loadMs / 2);
  };
  await pause(loadMs / 2);
  for (const index of [0, 1]) await change(index, next);
  const [column] = await postgres.query(
    "SELECT 1 FROM information_schema.columns WHERE column_name = 'next_note'",
  );
  assert.ok(column, "the next version has migrated");
  // One of the old version crashes and starts again on the migrated database.
  await replicas[2]?.end("SIGKILL");
  await cluster.start(2);
  await change(2, next);
  for (const index of [0, 1, 2]) await change(index, program);
  await load.stop();
  await checkCluster(t, cluster, { "upgrade and back": load });
  const statuses = [...load.traffic.failures.keys()].filter((reason) => /\d{3}$/.test(reason));
  assert.deepEqual(statuses, []);

  // A step that the old version cannot read.
  const other = createNextVersion("other", "ALTER TABLE repositories ADD COLUMN other text;\n");
  await postgres.query(`DELETE FROM schema_migrations WHERE version > ${newestNumber}`);
  for (const replica of replicas) await replica.end("SIGTERM");
  await cluster.start(0, { version: other });
  const old = await runBerth(["serve", "--listen", "127.0.0.1:0"], cluster.env);
  assert.equal(old.code, 1, old.printed);
  assert.match(old.printed, /the database is newer than this program: it has the migration/);
});
