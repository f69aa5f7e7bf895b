import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { openWriteConnection } from "../../../src/database/sqlite/connection.ts";
import SqliteDatabase from "../../../src/database/sqlite/driver.ts";
import { openSqliteDatabase, snapshotSqlite } from "../../../src/database/sqlite/open.ts";
import { temporaryFolder } from "../../support/temporary.ts";

test("a copy of a database ends while another connection writes, and has the rows of its beginning", async () => {
  const folder = temporaryFolder();
  const [file, copy] = [path.join(folder, "berth.db"), path.join(folder, "copy.db")];
  const writer = openWriteConnection(file);
  writer.exec("CREATE TABLE filled (bytes BLOB)");
  // More pages than one step copies.
  const insert = writer.prepare("INSERT INTO filled VALUES (randomblob(40000))");
  writer.transaction(() => {
    for (let row = 0; row < 500; row += 1) insert.run();
  })();
  let [isCopied, written] = [false, 0];
  const write = (): void => {
    if (isCopied) return;
    insert.run();
    written += 1;
    setImmediate(write);
  };
  setImmediate(write);
  await snapshotSqlite(file, copy);
  isCopied = true;
  writer.close();
  const copied = new SqliteDatabase(copy);
  const rows = Number(copied.prepare("SELECT count(*) FROM filled").pluck().get());
  assert.ok(rows >= 500 && rows < 500 + written, `${rows} rows after ${written} writes`);
  assert.deepEqual(copied.pragma("integrity_check"), [{ integrity_check: "ok" }]);
  copied.close();
});

test("a database that nothing has read leaves no log beside its file when it is closed", async () => {
  const file = path.join(temporaryFolder(), "berth.db");
  const database = await openSqliteDatabase(file);
  await database.commands.claimInstance({ id: "instance" });
  await database.close();
  assert.deepEqual([existsSync(file), existsSync(`${file}-wal`)], [true, false]);
});
