import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";
import { stringify } from "yaml";
import { password } from "../../support/closed.ts";
import {
  collect,
  pushImageParts,
  putManifest,
  startBerth,
  type TestBerth,
} from "../../support/berth.ts";
import type { Settings } from "../../support/settings.ts";
import { createTestSchema, isPostgresTested } from "../../support/postgres.ts";
import { tablesAt } from "../../support/postgres-tables.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { berth } from "../support.ts";

const closed = { "auth.open": "false", "auth.adminPassword": password };
const keySecret = "the secret that encrypts the signing keys";
/** The commands get their database from the configuration file only. */
const env = { BERTH_DATABASE_URL: undefined };

const newFolder = (name: string): string => {
  const folder = path.join(temporaryFolder(), name);
  mkdirSync(folder);
  return folder;
};
function file(config: object): string {
  const name = path.join(temporaryFolder(), "berth.yaml");
  writeFileSync(name, stringify(config));
  return name;
}
const copy = (...args: readonly string[]) => berth(["database", "copy", ...args], env);

const api = ({ port }: TestBerth) => `http://127.0.0.1:${port}`;
const basic = `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`;

/** A server with one image, which is stopped. */
async function makeRegistry(settings: Settings = {}) {
  const data = newFolder("data");
  const server = await startBerth(data, { ...closed, ...settings }, { onSqlite: true });
  const { manifest, digest, layer } = await push(server, "team/app", "1");
  await putManifest(asAdmin(server), "team/app", "2", manifest).expect(201);
  const asked = await fetch(`${api(server)}/token?scope=repository:team/app:pull`, {
    headers: { authorization: basic },
  });
  const { token } = (await asked.json()) as { token: string };
  for (let pulls = 0; pulls < 3; pulls += 1)
    await asAdmin(server).api.get("/v2/team/app/manifests/1").expect(200);
  await server.close();
  return { data, digest, layer, token };
}

const asAdmin = (server: TestBerth): TestBerth => {
  const get = (method: "get" | "post" | "put") => (url: string) =>
    server.api[method](url).set("Authorization", basic);
  const api = {
    get: get("get"),
    post: get("post"),
    put: get("put"),
  } as unknown as TestBerth["api"];
  return { ...server, api };
};

async function push(server: TestBerth, repository: string, tag: string) {
  const image = await pushImageParts(asAdmin(server), repository, { layer: `of ${tag}` });
  await putManifest(asAdmin(server), repository, tag, image.manifest).expect(201);
  return image;
}

async function expectImage(server: TestBerth, image: { digest: string; layer: string }) {
  const { api } = asAdmin(server);
  const { headers } = await api.get(`/v2/team/app/manifests/${image.digest}`).expect(200);
  assert.equal(headers["docker-content-digest"], image.digest);
  await api.get(`/v2/team/app/blobs/${image.layer}`).buffer(true).parse(collect).expect(200);
}

if (isPostgresTested)
  describe("berth database copy to PostgreSQL", async () => {
    const image = await makeRegistry({ publicUrl: "http://registry.test" });
    const schema = await createTestSchema();
    after(() => schema.drop());
    const cluster = {
      data: image.data,
      publicUrl: "http://registry.test",
      database: { url: schema.url },
      auth: { keySecret },
    };
    const toPostgres = file(cluster);
    const replica = {
      ...closed,
      ...{ "database.url": schema.url, "auth.keySecret": keySecret },
      publicUrl: cluster.publicUrl,
    };

    test("moves accounts, images, pull counters and keys, and no server starts on the folder", async () => {
      const { stdout, stderr, code } = await copy("--data", image.data, "--to", toPostgres);
      assert.equal(code, 0, stderr);
      assert.match(
        stdout,
        /^copied \d+ rows and 1 signing keys; all rows of the target are equal\n/,
      );
      assert.match(stdout, /no server starts on the old database any more\n$/);
      await assert.rejects(
        startBerth(image.data, closed, { onSqlite: true }),
        /has been copied to another one by "berth database copy"/,
      );
      assert.equal((await berth(["check", "--config", toPostgres], env)).stdout, "no errors\n");

      const server = await startBerth(image.data, replica);
      await expectImage(server, image);
      const headers = { authorization: `Bearer ${image.token}` };
      const pulled = await fetch(`${api(server)}/v2/team/app/manifests/1`, { headers });
      assert.equal(pulled.status, 200, "a token that was issued before the copy");
      const shown = await asAdmin(server).api.get("/v2/repositories/team/app/").expect(200);
      assert.equal(shown.body.pull_count, 3);
      const found = await asAdmin(server).api.get("/v1/search?q=app").expect(200);
      assert.equal(found.body.num_results, 1);
      await push(server, "team/app", "new");
      await server.close();
    });

    test("refuses a target with a registry, and a source that was copied before", async () => {
      const again = await makeRegistry();
      const used = await copy("--data", again.data, "--to", toPostgres);
      assert.equal(used.code, 1);
      assert.match(
        used.stderr,
        /the database of database\.url has a registry: use an empty one\n$/,
      );
      const moved = await copy("--data", image.data, "--to", toPostgres);
      assert.equal(moved.code, 1);
      assert.match(moved.stderr, /this database has been copied to another one before\n$/);
    });

    test("refuses a source with a server", async () => {
      const server = await startBerth(image.data, replica);
      const { code, stderr } = await copy(
        "--config",
        toPostgres,
        "--to",
        file({ data: newFolder("x") }),
      );
      await server.close();
      assert.equal(code, 1);
      assert.match(stderr, /a server runs on the database/);
    });

    test("copies back to a folder, with what was pushed to PostgreSQL", async () => {
      const back = newFolder("back");
      cpSync(path.join(image.data, "blobs"), path.join(back, "blobs"), { recursive: true });
      const toFolder = file({ data: back });
      const copied = await copy("--config", toPostgres, "--to", toFolder);
      assert.equal(copied.code, 0, copied.stderr);
      assert.ok(!readdirSync(back).some((name) => name.includes("part")));
      const checked = await berth(["check", "--data", back], env);
      assert.equal(checked.stdout, "no errors\n", checked.stderr);
      const folder = { ...closed, publicUrl: cluster.publicUrl };
      const server = await startBerth(back, folder, { onSqlite: true });
      await expectImage(server, image);
      await asAdmin(server).api.get("/v2/team/app/manifests/new").expect(200);
      const headers = { authorization: `Bearer ${image.token}` };
      const pulled = await fetch(`${api(server)}/v2/team/app/manifests/1`, { headers });
      assert.equal(pulled.status, 200);
      await server.close();
      const rows = await tablesAt(schema.url).value("SELECT id FROM instance");
      assert.match(String(rows), /^moved-away-from /);
    });
  });

test("a command and a server that cannot reach PostgreSQL say so in one line, without the password", async () => {
  const url = "postgres://berth:canary@127.0.0.1:1/berth";
  const settings = { BERTH_DATABASE_URL: url, BERTH_PUBLIC_URL: "http://registry.test" };
  const more = { BERTH_AUTH_KEY_SECRET: keySecret, BERTH_DATA: newFolder("data") };
  for (const command of [["check"], ["serve"], ["user", "list"], ["keys", "list"]]) {
    const { code, stdout, stderr } = await berth(command, { ...settings, ...more });
    assert.deepEqual([code, stdout], [1, ""], command.join(" "));
    const reason = /^berth: cannot use the database of database\.url: .*ECONNREFUSED.*\n$/;
    assert.match(stderr, reason);
    assert.doesNotMatch(stderr, /canary/);
  }
});

describe("berth database copy between folders", () => {
  test("leaves the source usable with --keep-source", async () => {
    const image = await makeRegistry();
    const target = newFolder("target");
    const { code, stderr } = await copy(
      ...["--keep-source", "--data", image.data, "--to", file({ data: target })],
    );
    assert.equal(code, 0, stderr);
    await (await startBerth(image.data, closed, { onSqlite: true })).close();
    renameSync(path.join(image.data, "blobs"), path.join(target, "blobs"));
    const copied = await startBerth(target, closed, { onSqlite: true });
    await expectImage(copied, image);
    await copied.close();
  });

  test("refuses a folder with a database, a database without a server's start, and a running server", async () => {
    const image = await makeRegistry();
    const used = await copy("--data", image.data, "--to", file({ data: image.data }));
    assert.equal(used.code, 1);
    assert.match(
      used.stderr,
      /berth\.db exists: use a data folder without a database\n$|another Berth server runs/,
    );
    const empty = await copy("--data", newFolder("empty"), "--to", file({ data: newFolder("to") }));
    assert.match(empty.stderr, /there is no registry in/);

    const server = await startBerth(image.data, closed, { onSqlite: true });
    const served = await copy("--data", image.data, "--to", file({ data: newFolder("to") }));
    await server.close();
    assert.equal(served.code, 1);
    assert.match(served.stderr, /a server runs on the database/);
  });
});
