import assert from "node:assert/strict";
import { mkdtempSync, statSync } from "node:fs";
import path from "node:path";
import { describe, test, type TestContext } from "node:test";
import SqliteDatabase, {
  type Database as SqliteConnection,
} from "../../../src/database/sqlite/driver.ts";
import type { Database } from "../../../src/database/contract.ts";
import { openSqliteDatabase } from "../../../src/database/sqlite/open.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { openModeClient, rules } from "../../support/pushes.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const folder = temporaryFolder();
const repository = parseRepositoryName("team/app");
const newFile = (): string => path.join(mkdtempSync(path.join(folder, "db-")), "berth.db");

/** Closes the database after the test, even if it fails: the writer thread keeps the process alive. */
async function open(t: TestContext, file = newFile()): Promise<Database> {
  const database = await openSqliteDatabase(file);
  t.after(() => database.close());
  return database;
}

/** Opens a connection as another process would, and closes it after the test. */
function openConnection(t: TestContext, file: string): SqliteConnection {
  const connection = new SqliteDatabase(file);
  t.after(() => connection.close());
  return connection;
}

const blob = (index: number) => ({
  repository,
  actor: openModeClient,
  rules,
  digest: digestOf(Buffer.from(String(index))),
  sizeBytes: 1,
  storageKey: `key-${index}`,
  leasedUntilMs: 2,
  dueAtMs: 3,
  nowMs: 1,
});

describe("the writer", () => {
  test("makes an acknowledged write visible to readers at once", async (t) => {
    const database = await open(t);
    assert.equal(await database.commands.storeBlob(blob(1)), "stored");
    assert.equal((await database.blobs.find(repository, blob(1).digest))?.storageKey, "key-1");
    assert.equal(
      await database.commands.storeBlob({ ...blob(1), storageKey: "key-1b" }),
      "duplicate",
    );
    assert.equal((await database.blobs.find(repository, blob(1).digest))?.storageKey, "key-1");
  });

  test("commits 200 queued commands in far fewer than 200 transactions", async (t) => {
    const file = newFile();
    const database = await open(t, file);
    const commands = 200;
    await Promise.all(
      Array.from({ length: commands }, (_, index) => database.commands.storeBlob(blob(index))),
    );
    for (let index = 0; index < commands; index += 1) {
      assert.ok(await database.blobs.find(repository, blob(index).digest));
    }
    // Each transaction writes every page it changed (at least six here) to the WAL again.
    const pagesWritten = statSync(`${file}-wal`).size / 4096;
    assert.ok(pagesWritten < commands * 2, `${pagesWritten} pages for ${commands} commands`);
  });

  test("commits the other queued commands when one command fails", async (t) => {
    const database = await open(t);
    const outcomes = await Promise.allSettled([
      database.commands.storeBlob(blob(1)),
      // Fails: a storage key belongs to one digest, and keys are never used twice.
      database.commands.storeBlob({ ...blob(2), storageKey: "key-1" }),
      database.commands.storeBlob(blob(3)),
    ]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    assert.equal(await database.blobs.find(repository, blob(2).digest), undefined);
    assert.ok(await database.blobs.find(repository, blob(3).digest));
  });

  test("waits for a lock of another process, while reads continue", async (t) => {
    const file = newFile();
    const database = await open(t, file);
    await database.commands.storeBlob(blob(1));
    const stranger = openConnection(t, file);
    stranger.exec("BEGIN IMMEDIATE");
    let written = false;
    const write = database.commands.storeBlob(blob(2)).then(() => (written = true));
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

  test("finishes the queued commands before it closes, and rejects later ones with WRITER_GONE", async (t) => {
    const file = newFile();
    const database = await open(t, file);
    const writes = Promise.all(
      Array.from({ length: 50 }, (_, index) => database.commands.storeBlob(blob(index))),
    );
    await database.close();
    await writes;
    const again = await open(t, file);
    for (let index = 0; index < 50; index += 1)
      assert.ok(await again.blobs.find(repository, blob(index).digest));
    await again.close();
    await assert.rejects(again.commands.storeBlob(blob(99)), { code: "WRITER_GONE" });
  });

  test("restores a missing blob for all repositories when it is pushed to one of them", async (t) => {
    const file = newFile();
    const database = await open(t, file);
    await database.commands.storeBlob(blob(1));
    const stranger = openConnection(t, file);
    stranger.exec("UPDATE blobs SET state = 'missing'");
    assert.equal(await database.blobs.find(repository, blob(1).digest), undefined);
    const elsewhere = parseRepositoryName("team/elsewhere");
    assert.equal(
      await database.commands.storeBlob({
        ...blob(1),
        repository: elsewhere,
        storageKey: "key-new",
      }),
      "stored",
    );
    assert.equal((await database.blobs.find(repository, blob(1).digest))?.storageKey, "key-new");
  });
});
