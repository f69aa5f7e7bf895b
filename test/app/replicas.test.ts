import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import http from "node:http";
import { hostname } from "node:os";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { openPool } from "../../src/database/postgres/connection.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { startBerth, type TestBerth } from "../support/berth.ts";
import type { Settings } from "../support/settings.ts";
import { createTestSchema, isPostgresTested, openPostgresForTest } from "../support/postgres.ts";
import { s3SettingsOf } from "../support/s3/settings.ts";
import { startS3Stub } from "../support/s3/stub.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { waitUntil } from "../support/wait.ts";

const octets = "application/octet-stream";
const password = "a long password of the test";

interface OpenStore {
  readonly settings: Settings;
  readonly close: () => Promise<void>;
}

const replicaTests = (openStore: () => Promise<OpenStore>): void => {
  let schema: Awaited<ReturnType<typeof createTestSchema>>;
  let store: OpenStore;
  let settings: Settings;
  let data: string;
  let replicas: readonly [TestBerth, TestBerth, TestBerth];
  /** Those that a test has not closed. */
  let running: TestBerth[] = [];

  const rowsOf = async <Row>(text: string): Promise<readonly Row[]> => {
    const pool = openPool({ url: schema.url, pool: 3, prepare: true });
    try {
      return await pool.read<Row>(text);
    } finally {
      await pool.close();
    }
  };
  const leaders = (): Promise<readonly { readonly owner: string; readonly term: number }[]> =>
    rowsOf(
      "SELECT owner, term FROM leases JOIN replicas ON id = owner WHERE name = 'maintenance' AND leased_until > 0",
    );

  before(async () => {
    schema = await createTestSchema();
    data = mkdtempSync(`${temporaryFolder()}/replicas-`);
    store = await openStore();
    settings = {
      ...store.settings,
      "database.url": schema.url,
      publicUrl: "http://registry.test",
      "auth.open": "false",
      "auth.adminPassword": password,
      "auth.keySecret": "a secret of more than 32 characters",
    };
    const start = (): Promise<TestBerth> => startBerth(data, settings);
    // All at once, on an empty database and an empty store.
    replicas = await Promise.all([start(), start(), start()]);
    running = [...replicas];
  });
  after(async () => {
    for (const replica of running) await replica.close();
    await schema.drop();
    await store.close();
  });

  test("that start at once on an empty database create one administrator, one key and one mark", async () => {
    for (const table of ["accounts WHERE kind = 'user'", "signing_keys", "instance"])
      assert.equal((await rowsOf(`SELECT 1 FROM ${table}`)).length, 1, table);
  });

  test("have a row each, and one of them leads", async () => {
    const rows = await rowsOf<{ readonly host: string }>("SELECT host FROM replicas");
    assert.deepEqual(
      rows.map(({ host }) => host),
      [hostname(), hostname(), hostname()],
    );
    await waitUntil("a replica leads", async () => (await leaders()).length === 1);
  });

  test("take an upload in turns: begun on one, continued on the second, closed on the third", async () => {
    const [one, two, three] = replicas;
    const pieces = ["begun ", "continued ", "closed"].map((text) =>
      Buffer.from(text.repeat(50_000)),
    );
    const digest = digestOf(Buffer.concat(pieces));
    const begun = await one.api
      .post("/v2/admin/app/blobs/uploads/")
      .auth("admin", password)
      .expect(202);
    const location = new URL(begun.headers["location"] ?? "", "http://registry.test").pathname;
    for (const [replica, piece] of [
      [two, pieces[0]],
      [three, pieces[1]],
    ] as const)
      await replica.api
        .patch(location)
        .auth("admin", password)
        .set("Content-Type", octets)
        .send(piece)
        .expect(202);
    await one.api
      .put(`${location}?digest=${digest}`)
      .auth("admin", password)
      .set("Content-Type", octets)
      .send(pieces[2])
      .expect(201);
    const found = await two.api
      .get(`/v2/admin/app/blobs/${digest}`)
      .auth("admin", password)
      .expect(200);
    assert.equal(digestOf(found.body as Buffer), digest);
    assert.deepEqual(await rowsOf("SELECT id FROM uploads"), []);
  });

  test("close an upload with a small blob on another replica without its lock", async () => {
    const [one, two] = replicas;
    const digest = digestOf(Buffer.from("small"));
    const begun = await one.api
      .post("/v2/admin/app/blobs/uploads/")
      .auth("admin", password)
      .expect(202);
    const location = new URL(begun.headers["location"] ?? "", "http://registry.test").pathname;
    await two.api
      .put(`${location}?digest=${digest}`)
      .auth("admin", password)
      .set("Content-Type", octets)
      .send(Buffer.from("small"))
      .expect(201);
    await one.api.get(location).auth("admin", password).expect(404);
  });

  test("give one of two PATCHes on different replicas at a time the upload", async () => {
    const [one, two] = replicas;
    const begun = await one.api
      .post("/v2/admin/app/blobs/uploads/")
      .auth("admin", password)
      .expect(202);
    const location = new URL(begun.headers["location"] ?? "", "http://registry.test").pathname;
    const patch = (replica: TestBerth, text: string) =>
      replica.api
        .patch(location)
        .auth("admin", password)
        .set("Content-Type", octets)
        .set("Content-Range", "0-99999")
        .send(Buffer.from(text.repeat(100_000)));
    const answers = await Promise.all([patch(one, "a"), patch(two, "b")]);
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [202, 416]);
    await one.api.delete(location).auth("admin", password).expect(204);
  });

  test("take an upload over from a silent client of another replica, and end its request", async () => {
    const [one, two] = replicas;
    const begun = await one.api
      .post("/v2/admin/app/blobs/uploads/")
      .auth("admin", password)
      .expect(202);
    const location = new URL(begun.headers["location"] ?? "", "http://registry.test").pathname;
    const headers = {
      Authorization: `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`,
      "Content-Type": octets,
    };
    const silent = http.request({ port: one.port, method: "PATCH", path: location, headers });
    const ended = new Promise<void>((resolve) => silent.on("close", resolve));
    silent.on("error", () => undefined).write(Buffer.alloc(1_000, "a"));
    await waitUntil("the first replica writes", async () => {
      const rows = await rowsOf("SELECT id FROM uploads WHERE holder IS NOT NULL");
      return rows.length === 1;
    });
    await pause(200);
    const { status } = await two.api.get(location).auth("admin", password);
    assert.equal(status, 204);
    const closing = Buffer.alloc(1_000, "b");
    await two.api
      .patch(location)
      .auth("admin", password)
      .set("Content-Type", octets)
      .send(closing)
      .expect(202);
    await ended;
    await two.api.delete(location).auth("admin", password).expect(204);
  });

  test("continue the upload of a replica that died with its lock, after 3 s", async () => {
    const [one, two] = replicas;
    const begun = await one.api
      .post("/v2/admin/app/blobs/uploads/")
      .auth("admin", password)
      .expect(202);
    const location = new URL(begun.headers["location"] ?? "", "http://registry.test").pathname;
    await rowsOf(
      `UPDATE uploads SET holder = 'dead',
         held_until = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + 3000`,
    );
    await two.api
      .patch(location)
      .auth("admin", password)
      .set("Content-Type", octets)
      .send(Buffer.from("bytes"))
      .expect(202);
    await one.api.delete(location).auth("admin", password).expect(204);
  });

  test("let another replica lead as soon as the leader ends, and forget the one that ended", async () => {
    const [before] = await leaders();
    assert.ok(before);
    const isThere = async (): Promise<boolean> =>
      (await rowsOf<{ readonly id: string }>("SELECT id FROM replicas")).some(
        ({ id }) => id === before.owner,
      );
    while (await isThere()) await running.pop()?.close();
    if (running.length === 0) return;
    await waitUntil("another replica leads", async () => {
      const [now] = await leaders();
      return now !== undefined && now.term === before.term + 1;
    });
  });
};

if (isPostgresTested) {
  describe("replicas on PostgreSQL with blobs in a folder", () =>
    replicaTests(async () => ({
      settings: { "storage.driver": "filesystem" },
      close: async () => undefined,
    })));

  test("a replica with blobs in a folder does not start beside one on another host", async () => {
    const { database, url, close } = await openPostgresForTest();
    const other = { id: "other", host: "elsewhere", version: "1.2.3" };
    const see = (): void => void database.coordination?.seeReplica(other);
    see();
    const seeing = setInterval(see, 500);
    after(async () => {
      clearInterval(seeing);
      await close();
    });
    const data = mkdtempSync(`${temporaryFolder()}/replicas-`);
    const settings = { "database.url": url, publicUrl: "http://registry.test" };
    await assert.rejects(startBerth(data, settings), /on the host elsewhere .*storage.driver s3/);
  });

  describe("replicas on PostgreSQL with blobs in S3", () =>
    replicaTests(async () => {
      const s3 = await startS3Stub();
      return { settings: s3SettingsOf(s3), close: () => s3.close() };
    }));
}
