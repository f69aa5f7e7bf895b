import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, describe, test } from "node:test";
import { openPostgresDatabase } from "../../../src/database/postgres/open.ts";
import { createTestSchema, isPostgresTested } from "../../support/postgres.ts";
import { berth, createFolder } from "../support.ts";

const folder = await createFolder();
const onSqlite = { BERTH_DATABASE_URL: "" };

describe("berth keys", { concurrency: 2 }, () => {
  test("rotates and lists keys, and removes an old key with valid tokens only with --force", async () => {
    const data = path.join(folder, "data");
    await mkdir(data);
    await writeFile(path.join(data, "berth.db"), "");
    const keys = (...args: string[]) => berth(["keys", ...args, "--data", data]);

    const first = JSON.parse((await keys("rotate", "--json")).stdout) as { id: string };
    const second = JSON.parse((await keys("rotate", "--json")).stdout) as { id: string };
    const listed = (await keys("list", "--json")).stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { id: string; algorithm: string; ends_at: string | null });
    assert.deepEqual(
      listed.map(({ id, algorithm, ends_at }) => [id, algorithm, ends_at === null]),
      [
        [second.id, "ES256", true],
        [first.id, "ES256", false],
      ],
    );
    assert.match(
      (await keys("list")).stdout,
      new RegExp(`^${second.id} .* signs\n${first.id} .* until `),
    );

    const signs = await keys("remove", second.id);
    assert.equal(signs.code, 1);
    assert.match(signs.stderr, /is the signing key; run "berth keys rotate" first/);
    const inUse = await keys("remove", first.id);
    assert.equal(inUse.code, 1);
    assert.match(inUse.stderr, /are valid until .*--force/);
    assert.match((await keys("remove", "X")).stderr, /there is no key X/);
    assert.equal((await keys("remove", first.id, "--force")).stdout, `removed ${first.id}\n`);
    assert.equal((await keys("list")).stdout.trim().split("\n").length, 1);
  });

  test("creates a key for the configured algorithm", async () => {
    const data = path.join(folder, "rsa");
    await mkdir(data);
    await writeFile(path.join(data, "berth.db"), "");
    const { stdout } = await berth(["keys", "rotate", "--data", data], {
      BERTH_AUTH_ALGORITHM: "rs256",
    });
    assert.match(stdout, /the new signing key is .* \(RS256\)/);
  });

  test("has no secret to encrypt the keys of a data folder with", async () => {
    const data = path.join(folder, "plain");
    await mkdir(data);
    await writeFile(path.join(data, "berth.db"), "");
    await berth(["keys", "rotate", "--data", data], onSqlite);
    const { code, stderr } = await berth(["keys", "reseal", "--data", data], onSqlite);
    assert.equal(code, 1);
    assert.match(stderr, /keys are not encrypted; reseal is for database\.url/);
  });

  test("exits with 1 and an error when the data folder has no registry", async () => {
    const none = path.join(folder, "none");
    const { code, stderr } = await berth(["keys", "list", "--data", none], onSqlite);
    assert.ok(stderr.startsWith(`berth: there is no registry in ${none}`));
    assert.equal(code, 1);
  });
});

describe("berth keys on PostgreSQL", { skip: !isPostgresTested }, () => {
  const secrets = { first: "the first secret ".repeat(2), second: "the second secret ".repeat(2) };

  /** Runs commands of replicas with these secrets on one database that has a registry. */
  async function openReplicas() {
    const schema = await createTestSchema();
    after(() => schema.drop());
    const options = { pool: 3, prepare: true, listsMaxAgeMs: 0, isNewAllowed: true };
    const database = await openPostgresDatabase({ ...options, url: schema.url });
    await database?.close();
    return (secret: string, args: readonly string[], oldSecret?: string) =>
      berth(args, {
        BERTH_DATABASE_URL: schema.url,
        BERTH_PUBLIC_URL: "http://berth.example",
        BERTH_DATA: path.join(folder, "unused"),
        BERTH_STORAGE_DRIVER: "s3",
        BERTH_STORAGE_S3_BUCKET: "berth",
        BERTH_STORAGE_S3_ENDPOINT: "http://127.0.0.1:1",
        BERTH_AUTH_KEY_SECRET: secret,
        ...(oldSecret !== undefined && { BERTH_AUTH_OLD_KEY_SECRET: oldSecret }),
      });
  }

  test("rotates, lists and removes keys, and encrypts them with a new secret", async () => {
    const run = await openReplicas();
    const rotate = async (): Promise<string> => {
      const { stdout, stderr } = await run(secrets.first, ["keys", "rotate", "--json"]);
      assert.equal(stderr, "");
      return (JSON.parse(stdout) as { id: string }).id;
    };
    const [first, second] = [await rotate(), await rotate()];
    const listed = (await run(secrets.first, ["keys", "list"])).stdout;
    assert.match(listed, new RegExp(`^${second} .* signs\n${first} .* until `));
    const removed = await run(secrets.first, ["keys", "remove", first, "--force"]);
    assert.equal(removed.stdout, `removed ${first}\n`);

    const resealed = await run(secrets.second, ["keys", "reseal"], secrets.first);
    assert.equal(resealed.stdout, `encrypted ${second} with auth.keySecret\n`);
    const { stdout } = await run(secrets.second, ["keys", "list"]);
    assert.match(stdout, new RegExp(`^${second} .* signs\n$`));
    assert.equal((await run(secrets.first, ["keys", "list"])).code, 1);
  });

  test("exits with 1 and the reason when the secret is another one", async () => {
    const run = await openReplicas();
    await run(secrets.first, ["keys", "rotate"]);
    const { code, stderr } = await run(secrets.second, ["keys", "rotate"]);
    assert.equal(code, 1);
    assert.match(stderr, /^berth: auth\.keySecret does not open the signing key .*reseal/);
    assert.equal(stderr.trim().split("\n").length, 1);
  });
});
