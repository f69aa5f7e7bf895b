import assert from "node:assert/strict";
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import SqliteDatabase from "../../../src/database/sqlite/driver.ts";
import { pushBlob, pushImageParts, putManifest, startBerth } from "../../support/berth.ts";
import { testOnSqlite } from "../../support/database.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { waitUntil } from "../../support/wait.ts";
import { berth as run, emptyDatabase, noRegistryIn } from "../support.ts";

const filesOf = (data: string): string[] =>
  readdirSync(path.join(data, "blobs"), { recursive: true, encoding: "utf8" })
    .filter((file) => /\/[0-9a-f]{64}\./.test(file))
    .map((file) => path.join(data, "blobs", file));

describe("maintenance of a data folder", async () => {
  const data = temporaryFolder();
  const collectable = {
    "gc.lease": "1s",
    "gc.grace": "0s",
    "gc.deleteDelay": "0s",
    "gc.interval": "0s",
  };
  const berth = await startBerth(data, collectable);
  const image = await pushImageParts(berth, "team/app", { layer: "a layer of the image" });
  await putManifest(berth, "team/app", "1", image.manifest).expect(201);
  await pushBlob(berth, "team/app", "no manifest names");
  const env = { BERTH_GC_GRACE: "0s", BERTH_GC_LEASE: "1s", BERTH_GC_DELETE_DELAY: "0s" };
  const berthRun = (...words: string[]) => run([...words, "--data", data], env);

  test("gc --dry-run lists exactly the content that gc then frees, while the server runs", async () => {
    try {
      let rehearsed = await berthRun("gc", "--dry-run");
      await waitUntil("the lease is over", async () => {
        rehearsed = await berthRun("gc", "--dry-run");
        return rehearsed.stdout.includes("17 B");
      });
      assert.equal(filesOf(data).length, 3);
      const freed = await berthRun("gc");
      assert.equal(
        rehearsed.stdout.replaceAll("would delete", "deleted").replace("would free", "freed"),
        freed.stdout,
      );
      assert.match(freed.stdout, /freed 17 B: 0 manifests, 1 blobs, 0 files without a row\n$/);
      assert.equal(filesOf(data).length, 2);
      await berth.api.get("/v2/team/app/manifests/1").expect(200);
    } finally {
      await berth.close();
    }
  });

  test("gc keeps the bytes of collected blobs for gc.deleteDelay, and gc --now deletes them", async () => {
    const again = await startBerth(data, { "gc.interval": "0s" });
    try {
      const digest = await pushBlob(again, "team/app", "no manifest names it yet");
      await again.api.delete(`/v2/team/app/blobs/${digest}`).expect(202);
      const delay = { ...env, BERTH_GC_DELETE_DELAY: "10m" };
      const first = await run(["gc", "--data", data], delay);
      assert.match(first.stdout, /freed 0 B: .*; 24 B of 1 blobs follow after gc.deleteDelay\n$/);
      assert.match(
        first.stdout,
        /^waiting: 24 B of 1 blobs are deleted until \d{4}-\d\d-\d\d \d\d:\d\d \(gc.deleteDelay\)$/m,
      );
      assert.equal(filesOf(data).length, 3);
      const second = await run(["gc", "--now", "--data", data], delay);
      assert.match(second.stdout, /freed 24 B: 0 manifests, 1 blobs, 0 files without a row\n$/);
      assert.equal(filesOf(data).length, 2);
    } finally {
      await again.close();
    }
  });

  test("gc says until when blobs without a manifest wait for gc.grace", async () => {
    const again = await startBerth(data, { "gc.interval": "0s" });
    try {
      const digest = await pushBlob(again, "team/app", "no manifest names it today");
      const json = await berthRun("gc", "--json");
      const waiting = json.stdout.split("\n").find((line) => line.includes('"waiting"')) ?? "";
      const { candidates } = JSON.parse(waiting) as {
        readonly candidates: { readonly blobs: number; readonly blobs_until: string };
      };
      assert.equal(candidates.blobs, 1);
      const hours = (Date.parse(candidates.blobs_until) - Date.now()) / 3_600_000;
      assert.ok(hours > 23 && hours < 25, candidates.blobs_until);
      const { stdout } = await berthRun("gc");
      assert.match(stdout, /^waiting: 1 blobs are checked until \d{4}-.* \(gc.grace\)$/m);
      await again.api.delete(`/v2/team/app/blobs/${digest}`).expect(202);
      await berthRun("gc", "--now");
      assert.equal(filesOf(data).length, 2);
    } finally {
      await again.close();
    }
  });

  test("check exits with 0 and reports no problem", async () => {
    const { code, stdout } = await berthRun("check");
    assert.equal(stdout, "no errors\n");
    assert.equal(code, 0);
  });

  test("scrub reads every blob and quarantines a corrupt one; check then says to push it again", async () => {
    const [victim = ""] = filesOf(data).filter((file) => file.includes(image.layer.slice(7)));
    writeFileSync(victim, "A layer of the image");
    const { code, stdout } = await berthRun("scrub");
    assert.match(stdout, new RegExp(`quarantined: ${image.layer}: wrong-digest`));
    assert.match(stdout, /read 2 blobs.*1 quarantined, 0 unreadable/);
    assert.equal(code, 1);
    const check = await berthRun("check");
    assert.match(check.stdout, /marked as missing; push it again/);
    assert.equal(check.code, 1);
  });

  test("a push of a quarantined blob makes the blob available again", async () => {
    const again = await startBerth(data);
    try {
      await again.api.head(`/v2/team/app/blobs/${image.layer}`).expect(404);
      await pushBlob(again, "team/app", "a layer of the image");
      await again.api.get(`/v2/team/app/blobs/${image.layer}`).expect(200);
    } finally {
      await again.close();
    }
  });

  test("check --repair deletes an orphaned file and marks a blob without a file as missing", async () => {
    const [lost = ""] = filesOf(data).filter((file) => file.includes(image.config.slice(7)));
    rmSync(lost);
    // An orphan, as after a crash between the file and its row. Its key has a date years ago.
    writeFileSync(lost.replace(/\.[^.]+$/, ".01J00000000000000000000000"), "orphan");
    const before = await berthRun("check", "--json");
    const findings = before.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { invariant?: string });
    assert.deepEqual(findings.map(({ invariant }) => invariant).toSorted(), [
      "a blob's bytes are in the store",
      "every file has a row",
      undefined,
    ]);
    assert.equal(before.code, 1);
    const repaired = await berthRun("check", "--repair");
    assert.match(repaired.stdout, /2 errors, 1 of them repaired/);
    assert.equal(repaired.code, 1);
  });

  test("gc, check and scrub exit with 1 for a folder without a registry", async () => {
    const empty = temporaryFolder();
    const database = await emptyDatabase();
    for (const command of ["gc", "check", "scrub"]) {
      const { code, stderr } = await run([command, "--data", empty], database);
      assert.match(stderr, noRegistryIn(empty));
      assert.equal(code, 1);
    }
  });
});

describe("a damaged database", () => {
  for (const [damage, said] of [
    [
      "its first page is garbage",
      /^berth: cannot use the database in .*: it is damaged; restore a backup\. SQLite says: .*\n$/,
    ],
    [
      // SQLite detects this when it opens the file or only in its check, depending on the content of the page.
      "its last page is garbage",
      /^(broken: the database is sound: |berth: cannot use the database in .*: it is damaged; )/,
    ],
  ] as const) {
    testOnSqlite(
      `makes berth check exit with 1 and an error without a stack trace: ${damage}`,
      async () => {
        const data = temporaryFolder();
        await (await startBerth(data)).close();
        const file = path.join(data, "berth.db");
        const content = readFileSync(file);
        const pageBytes = content.readUInt16BE(16);
        const start = damage.startsWith("its first") ? 0 : content.length - pageBytes;
        content.fill(0x5a, start, start + pageBytes);
        writeFileSync(file, content);
        const { code, stdout, stderr } = await run(["check", "--data", data]);
        assert.match(stdout + stderr, said);
        assert.doesNotMatch(stdout + stderr, /^\s+at /m);
        assert.equal(code, 1);
      },
    );
  }
});

testOnSqlite(
  "a database that a newer Berth has migrated makes serve and check exit with 1 and name its folder and the migration",
  async () => {
    const data = temporaryFolder();
    await (await startBerth(data)).close();
    const database = new SqliteDatabase(path.join(data, "berth.db"));
    database.exec("INSERT INTO schema_migrations VALUES (9999, '9999-next', 0)");
    database.close();
    for (const args of [["serve", "--listen", "127.0.0.1:0"], ["check"]]) {
      const { code, stdout, stderr } = await run([...args, "--data", data]);
      assert.equal(
        stdout + stderr,
        `berth: cannot use the database in ${data}: the database is newer than this program: it has the migration 9999-next; start the newer Berth, or restore a backup\n`,
      );
      assert.equal(code, 1);
    }
  },
);
