import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, test } from "node:test";
import { berth, createFolder } from "../support.ts";

const folder = await createFolder();

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
      .map((line) => JSON.parse(line) as { id: string; algorithm: string; endsAt: string | null });
    assert.deepEqual(
      listed.map(({ id, algorithm, endsAt }) => [id, algorithm, endsAt === null]),
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

  test("exits with 1 and an error when the data folder has no registry", async () => {
    const { code, stderr } = await berth(["keys", "list", "--data", path.join(folder, "none")]);
    assert.ok(stderr.startsWith(`berth: there is no registry in ${path.join(folder, "none")}`));
    assert.equal(code, 1);
  });
});
