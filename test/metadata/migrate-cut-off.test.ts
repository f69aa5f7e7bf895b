import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import SqliteDatabase from "better-sqlite3";
import { openWriteConnection } from "../../src/metadata/sqlite/connection.ts";
import { migrate, readMigrations } from "../../src/metadata/sqlite/migrate.ts";
import { walkRegistry } from "../crash/invariants.ts";
import type { Ledger } from "../crash/ledger.ts";
import { losses } from "../crash/losses.ts";
import { compareStored } from "../crash/stored.ts";
import { resume } from "../crash/uploader.ts";
import { createWire } from "../crash/wire.ts";
import { startBerth } from "../support/berth.ts";
import { makeOldFolder } from "../support/old-folder.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { statementsOf } from "./statements.ts";

const scratch = temporaryFolder();
const migrations = readMigrations();
/** Where the data was: every step there is must keep it. */
const oldest = 1;
const old = path.join(scratch, "old");
const promised = makeOldFolder(old, oldest);
let copies = 0;

/** A folder with the old data in it. */
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

/** A start on the folder takes the steps that are missing, and all that was promised is there. */
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
  assert.deepEqual([...lost, ...walk.problems, ...compareStored(data).problems], []);
  assert.equal(walk.manifests, promised.images.length);
  assert.equal(versionOf(data), migrations.length);
}

function migrateAgain(data: string): void {
  const connection = openWriteConnection(path.join(data, "berth.db"));
  migrate(connection);
  connection.close();
  assert.equal(versionOf(data), migrations.length);
  assert.deepEqual(compareStored(data).problems, []);
}

async function killed(data: string, version: number, behind: number): Promise<void> {
  const program = path.join(import.meta.dirname, "migrate-and-die.ts");
  const register = path.join(import.meta.dirname, "../support/register.mjs");
  const args = [path.join(data, "berth.db"), version, behind].map(String);
  const child = spawn(process.execPath, ["--import", register, program, ...args], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  assert.equal(signal, "SIGKILL");
}

describe("a start on an older folder", () => {
  test("brings it up to date", async () => {
    assert.equal(versionOf(old), oldest);
    await startsWhole(copyOld());
  });

  for (const { version, name, text } of migrations.slice(oldest)) {
    const statements = statementsOf(text);
    test(`that is killed at any of the ${statements.length + 1} places of ${name} is finished by the next`, async () => {
      for (let behind = 0; behind <= statements.length; behind += 1) {
        const data = copyOld();
        await killed(data, version, behind);
        // Readers of the older program, and of this one, see the step wholly or not at all.
        assert.equal(versionOf(data), version - 1);
        assert.deepEqual(compareStored(data).problems, []);
        // A whole start takes its time; that every place leaves the same is seen by the steps alone.
        if (behind === statements.length) await startsWhole(data);
        else migrateAgain(data);
      }
    });
  }

  test("that finds no room for a step leaves the older version, which can be read", async () => {
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
