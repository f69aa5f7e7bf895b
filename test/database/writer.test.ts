import assert from "node:assert/strict";
import { mkdtempSync, statSync } from "node:fs";
import path from "node:path";
import { describe, test, type TestContext } from "node:test";
import SqliteDatabase from "better-sqlite3";
import { openSqliteDatabase, type Database } from "../../src/database/database.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { nobody, rules } from "../support/pushes.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const repository = parseRepositoryName("team/app");
const newFile = (): string => path.join(mkdtempSync(path.join(folder, "db-")), "berth.db");

/** Closed after the test, also when it fails: the thread of the writer keeps the process alive. */
async function open(t: TestContext, file = newFile()): Promise<Database> {
  const database = await openSqliteDatabase(file);
  t.after(() => database.close());
  return database;
}

/** A connection as another process has it, closed after the test. */
function openConnection(t: TestContext, file: string): SqliteDatabase.Database {
  const connection = new SqliteDatabase(file);
  t.after(() => connection.close());
  return connection;
}

const blob = (index: number) => ({
  repository,
  actor: nobody,
  rules,
  digest: digestOf(Buffer.from(String(index))),
  sizeBytes: 1,
  storageKey: `key-${index}`,
  leasedUntilMs: 2,
  dueAtMs: 3,
  nowMs: 1,
});

describe("the writer", () => {
  test("makes what it acknowledged visible to readers at once", async (t) => {
    const database = await open(t);
    assert.equal(await database.run("storeBlob", blob(1)), "stored");
    assert.equal((await database.blobs.find(repository, blob(1).digest))?.storageKey, "key-1");
    assert.equal(
      await database.run("storeBlob", { ...blob(1), storageKey: "key-1b" }),
      "duplicate",
    );
    assert.equal((await database.blobs.find(repository, blob(1).digest))?.storageKey, "key-1");
  });

  test("commits commands that wait together in far fewer transactions than commands", async (t) => {
    const file = newFile();
    const database = await open(t, file);
    const commands = 200;
    await Promise.all(
      Array.from({ length: commands }, (_, index) => database.run("storeBlob", blob(index))),
    );
    for (let index = 0; index < commands; index += 1) {
      assert.ok(await database.blobs.find(repository, blob(index).digest));
    }
    // Each transaction writes every page it touched (at least six here) to the log again.
    const pagesWritten = statSync(`${file}-wal`).size / 4096;
    assert.ok(pagesWritten < commands * 2, `${pagesWritten} pages for ${commands} commands`);
  });

  test("a command that fails takes nobody with it", async (t) => {
    const database = await open(t);
    const outcomes = await Promise.allSettled([
      database.run("storeBlob", blob(1)),
      // The same key under another digest breaks the promise that keys are never used twice.
      database.run("storeBlob", { ...blob(2), storageKey: "key-1" }),
      database.run("storeBlob", blob(3)),
    ]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    assert.equal(await database.blobs.find(repository, blob(2).digest), undefined);
    assert.ok(await database.blobs.find(repository, blob(3).digest));
  });

  test("a lock that somebody else holds delays writes, and stalls no read", async (t) => {
    const file = newFile();
    const database = await open(t, file);
    await database.run("storeBlob", blob(1));
    const stranger = openConnection(t, file);
    stranger.exec("BEGIN IMMEDIATE");
    let written = false;
    const write = database.run("storeBlob", blob(2)).then(() => (written = true));
    try {
      for (let turn = 0; turn < 200; turn += 1) {
        assert.ok(await database.blobs.find(repository, blob(1).digest));
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.equal(written, false);
    } finally {
      stranger.exec("COMMIT"); // the writer can't be closed while it waits for the lock
    }
    await write;
    assert.ok(await database.blobs.find(repository, blob(2).digest));
  });

  test("finishes what was asked of it before it closes", async (t) => {
    const file = newFile();
    const database = await open(t, file);
    const writes = Promise.all(
      Array.from({ length: 50 }, (_, index) => database.run("storeBlob", blob(index))),
    );
    await database.close();
    await writes;
    const again = await open(t, file);
    for (let index = 0; index < 50; index += 1)
      assert.ok(await again.blobs.find(repository, blob(index).digest));
    await again.close();
    await assert.rejects(again.run("storeBlob", blob(99)), { code: "WRITER_GONE" });
  });

  test("a blob whose bytes had gone missing is healed by the next push, for every repository", async (t) => {
    const file = newFile();
    const database = await open(t, file);
    await database.run("storeBlob", blob(1));
    const stranger = openConnection(t, file);
    stranger.exec("UPDATE blobs SET state = 'missing'");
    assert.equal(await database.blobs.find(repository, blob(1).digest), undefined);
    const elsewhere = parseRepositoryName("team/elsewhere");
    assert.equal(
      await database.run("storeBlob", { ...blob(1), repository: elsewhere, storageKey: "key-new" }),
      "stored",
    );
    assert.equal((await database.blobs.find(repository, blob(1).digest))?.storageKey, "key-new");
  });
});
