import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import SqliteDatabase from "../../../src/database/sqlite/driver.ts";
import { pattern } from "../../storage/bytes.ts";
import { pushBlob } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { startS3Stub } from "../../support/s3/stub.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { waitUntil } from "../../support/wait.ts";
import { berth as run, launch } from "../support.ts";
import { create, filesOf, pullAll, pushImage, restore } from "../support/backups.ts";

test("a restore that was interrupted continues, and no server starts before its end", async () => {
  const folder = temporaryFolder();
  const berth = await startClosedBerth();
  await berth.addUser("mia");
  const image = await pushImage(berth, "mia/app", "a layer");
  const backup = path.join(folder, "backup");
  await create(berth.data, backup);
  const target = path.join(folder, "restored");
  const { point } = JSON.parse(
    readFileSync(
      path.join(backup, "points", readdirSync(path.join(backup, "points"))[0] ?? ""),
      "utf8",
    ),
  ) as { readonly point: { readonly id: string; readonly database: { readonly key: string } } };
  const database = path.join(backup, point.database.key);
  const bytes = readFileSync(database);
  writeFileSync(database, bytes.subarray(0, -1));
  const broken = await run(["restore", backup, "--data", target]);
  assert.match(broken.stderr, /is damaged/);
  assert.equal(broken.code, 1);
  const started = await run(["serve", "--data", target, "--listen", "127.0.0.1:0"]);
  const again = new RegExp(`a restore of these blobs has not ended: run .* --point ${point.id} `);
  assert.match(started.stderr, again);
  writeFileSync(database, bytes);
  const { id: later } = await create(berth.data, backup);
  const mixed = await run(["restore", backup, "--data", target]);
  assert.match(mixed.stderr, new RegExp(`the restore of the point ${point.id} has not ended here`));
  assert.ok(later > point.id);
  assert.match(await restore(backup, target, "--point", point.id), /copied \d+ blobs of/);
  await pullAll(target, [image]);
});

test("a backup that is killed leaves nothing that the next one does not use or delete", async () => {
  const folder = temporaryFolder();
  const berth = await startClosedBerth();
  await berth.addUser("mia");
  const image = await pushImage(berth, "mia/app", "a layer");
  for (let blob = 0; blob < 40; blob += 1)
    await pushBlob(berth.as("admin"), "mia/app", pattern(2 ** 20 + blob));
  const backup = path.join(folder, "backup");
  const first = await launch(["backup", "create", backup, "--data", berth.data]);
  const blobs = path.join(backup, "blobs");
  await waitUntil("a blob is in the backup", () => existsSync(blobs) && filesOf(blobs).length > 0);
  first.child.kill("SIGKILL");
  await first.ended;
  // The first run may have ended before the signal.
  const had = readdirSync(path.join(backup, "points")).length;
  const made = await create(berth.data, backup);
  assert.ok(made.new_blobs < made.blobs);
  assert.deepEqual(readdirSync(path.join(backup, "uploads")), []);
  const rest = readdirSync(backup).filter((name) => name.startsWith("snapshot-"));
  assert.deepEqual(rest, []);
  const { stdout } = await run(["backup", "verify", backup]);
  assert.equal(stdout, `${had + 1} points: no errors\n`);
  const target = path.join(folder, "restored");
  await restore(backup, target);
  await pullAll(target, [image]);
});

/** Executes a statement in the database of a point, and writes its new digest into the point. */
function changeDatabase(backup: string, id: string, statement: string): void {
  const file = path.join(backup, "points", `${id}.json`);
  const written = JSON.parse(readFileSync(file, "utf8")) as {
    sha256: string;
    point: { database: { key: string; digest: string; sizeBytes: number } };
  };
  const { database } = written.point;
  const stored = path.join(backup, database.key);
  const connection = new SqliteDatabase(stored);
  connection.exec(statement);
  connection.pragma("wal_checkpoint(TRUNCATE)");
  connection.close();
  const bytes = readFileSync(stored);
  database.digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  database.sizeBytes = bytes.length;
  written.sha256 = createHash("sha256").update(JSON.stringify(written.point)).digest("hex");
  writeFileSync(file, JSON.stringify(written));
}

test("a point of a newer Berth is refused before its blobs are copied", async () => {
  const folder = temporaryFolder();
  const berth = await startClosedBerth();
  await pushImage(berth, "library/app", "a layer");
  const backup = path.join(folder, "backup");
  const { id } = await create(berth.data, backup);
  const newer = "INSERT INTO schema_migrations VALUES (9999, 'of-a-newer-berth', 0)";
  changeDatabase(backup, id, newer);
  const target = path.join(folder, "restored");
  const refused = await run(["restore", backup, "--data", target]);
  assert.match(
    refused.stderr,
    new RegExp(`^berth: cannot open the database of the point ${id}: .* newer than this program`),
  );
  assert.equal(refused.code, 1);
  assert.deepEqual(filesOf(path.join(target, "blobs")), []);
});

test("a backup in a bucket is made, verified, pruned and restored as one in a folder", async () => {
  const folder = temporaryFolder();
  const stub = await startS3Stub();
  after(() => stub.close());
  const s3 = path.join(folder, "s3.yaml");
  const keys = { endpoint: stub.endpoint, forcePathStyle: true, partSize: "5MiB" };
  const credentials = { accessKeyId: "berth", secretAccessKey: "berth-secret" };
  writeFileSync(s3, JSON.stringify({ storage: { s3: { ...keys, ...credentials } } }));
  const berth = await startClosedBerth();
  await berth.addUser("mia");
  const image = await pushImage(berth, "mia/app", "a layer");
  await pushBlob(berth.as("admin"), "mia/app", pattern(11 * 2 ** 20));
  const place = "s3://berth/backups/of-mia";
  const first = await create(berth.data, place, "--s3", s3);
  assert.equal(first.new_blobs, first.blobs);
  const second = await create(berth.data, place, "--s3", s3);
  assert.equal(second.new_blobs, 0);
  const verified = await run(["backup", "verify", place, "--s3", s3]);
  assert.equal(verified.stdout, "2 points: no errors\n", verified.stderr);
  const pruned = await run(["backup", "prune", place, "--keep", "1", "--s3", s3]);
  assert.match(pruned.stdout, new RegExp(`^removed ${first.id}\n1 points stay; deleted \\d blobs`));
  const target = path.join(folder, "restored");
  await restore(place, target, "--s3", s3);
  await pullAll(target, [image]);
  // No lock stays.
  assert.deepEqual(
    [...stub.bucket.objects.keys()].filter((key) => key.includes("/locks/")),
    [],
  );
});
