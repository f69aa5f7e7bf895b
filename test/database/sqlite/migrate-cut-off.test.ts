import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, cpSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import SqliteDatabase from "../../../src/database/sqlite/driver.ts";
import { openWriteConnection } from "../../../src/database/sqlite/connection.ts";
import { readMigrations, type Migration } from "../../../src/database/migrations.ts";
import { migrate } from "../../../src/database/sqlite/migrate.ts";
import { walkRegistry } from "../../crash/invariants.ts";
import type { Ledger } from "../../crash/ledger.ts";
import { losses } from "../../crash/losses.ts";
import { compareStored } from "../../crash/stored.ts";
import { resume } from "../../crash/uploader.ts";
import { createWire } from "../../crash/wire.ts";
import { startBerth } from "../../support/berth.ts";
import { makeOldFolder } from "../../support/old-folder.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { statementsOf } from "./statements.ts";

const scratch = temporaryFolder();
const migrations = readMigrations("sqlite");
/** The schema version of the old folder. Every later step must keep its data. */
const oldest = 1;
const old = path.join(scratch, "old");
const promised = makeOldFolder(old, oldest);
let copies = 0;

/** Copies the old folder and returns the path of the copy. */
function copyOld(): string {
  copies += 1;
  const data = path.join(scratch, `copy-${copies}`);
  cpSync(old, data, { recursive: true });
  return data;
}

function versionOf(data: string): number {
  const database = new SqliteDatabase(path.join(data, "berth.db"), { readonly: true });
  const version = database.prepare("SELECT max(version) FROM schema_migrations").pluck().get();
  database.close();
  return Number(version);
}

/** Asserts that a start on the folder runs the missing steps, and that all acknowledged content exists. */
async function startsWhole(data: string): Promise<void> {
  const berth = await startBerth(data);
  const wire = createWire(`http://127.0.0.1:${berth.port}`);
  const ledger: Ledger = { ...promised, blobs: [...promised.blobs], uploads: new Set() };
  for (const upload of promised.uploads) {
    const { repository } = upload;
    await resume({ wire, repository, name: "", ledger }, { ...upload });
  }
  const lost = await losses(wire, ledger);
  const walk = await walkRegistry(wire);
  wire.close();
  await berth.close();
  assert.deepEqual([...lost, ...walk.problems, ...(await compareStored(data)).problems], []);
  assert.equal(walk.manifests, promised.images.length);
  assert.equal(versionOf(data), migrations.length);
}

async function migrateAgain(data: string): Promise<void> {
  const connection = openWriteConnection(path.join(data, "berth.db"));
  migrate(connection);
  connection.close();
  assert.equal(versionOf(data), migrations.length);
  assert.deepEqual((await compareStored(data)).problems, []);
}

/** The step with a call of `cut_off(version)` before, between and after its statements. */
function interrupted(step: Migration): Migration {
  const call = `SELECT cut_off(${step.version})`;
  const statements = statementsOf(step.text).flatMap((statement) => [call, statement]);
  return { ...step, text: [...statements, call].join(";\n") };
}

/**
 * Copies of the folder as kill -9 would leave it at each point of each step. Exactly the bytes that the process has
 * written to the files survive kill -9, and a copy of the files at that point has the same bytes.
 */
function cutOffs(): ReadonlyMap<number, readonly string[]> {
  const running = copyOld();
  const found = new Map<number, string[]>();
  const connection = openWriteConnection(path.join(running, "berth.db"));
  connection.function("cut_off", (version: number) => {
    const copy = copyOld();
    for (const file of ["berth.db", "berth.db-wal"])
      copyFileSync(path.join(running, file), path.join(copy, file));
    found.set(version, [...(found.get(version) ?? []), copy]);
    return null;
  });
  migrate(connection, migrations.map(interrupted));
  connection.close();
  return found;
}

/** Runs a process that is killed after the last statement of the step, before its commit. */
async function killed(data: string, version: number): Promise<void> {
  const program = path.join(import.meta.dirname, "migrate-and-die.ts");
  const register = path.join(import.meta.dirname, "../../support/register.mjs");
  const args = ["--import", register, program, path.join(data, "berth.db"), String(version)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  assert.equal(signal, "SIGKILL");
}

/** Asserts that readers see no part of the step. */
async function assertUntouched(data: string, version: number): Promise<void> {
  assert.equal(versionOf(data), version - 1);
  assert.deepEqual((await compareStored(data)).problems, []);
}

describe("a start on an older folder", () => {
  test("runs the missing migrations and keeps the data", async () => {
    assert.equal(versionOf(old), oldest);
    await startsWhole(copyOld());
  });

  const copiesOf = cutOffs();
  for (const { version, name, text } of migrations.slice(oldest)) {
    const places = copiesOf.get(version) ?? [];
    test(`that is interrupted at any of ${places.length} points of ${name} is finished by the next start`, async () => {
      assert.equal(places.length, statementsOf(text).length + 1);
      for (const data of places) {
        await assertUntouched(data, version);
        await migrateAgain(data);
      }
    });

    test(`that is killed before the commit of ${name} is finished by the next start`, async () => {
      const data = copyOld();
      await killed(data, version);
      await assertUntouched(data, version);
      await startsWhole(data);
    });
  }

  test("that has no disk space for a step keeps the older version readable", async () => {
    const data = copyOld();
    const rows = (): unknown => {
      const database = new SqliteDatabase(path.join(data, "berth.db"), { readonly: true });
      const found = [
        "blobs",
        "blob_links",
        "manifests",
        "manifest_references",
        "tags",
        "uploads",
      ].map((table) => database.prepare(`SELECT * FROM ${table}`).all());
      database.close();
      return found;
    };
    const before = rows();
    for (let pages = 0; ; pages += 1) {
      const connection = openWriteConnection(path.join(data, "berth.db"));
      const used = Number(connection.pragma("page_count", { simple: true }));
      connection.pragma(`max_page_count = ${used + pages}`);
      try {
        migrate(connection);
        assert.ok(pages > 0, "the steps needed no room");
        break;
      } catch (error) {
        assert.equal((error as { code?: string }).code, "SQLITE_FULL");
      } finally {
        connection.close();
      }
      if (versionOf(data) === oldest) assert.deepEqual(rows(), before);
    }
    await startsWhole(data);
  });
});
