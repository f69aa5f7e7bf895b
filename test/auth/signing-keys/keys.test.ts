import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import {
  endOf,
  openKeys,
  overlapMs,
  rotateKeys,
  tokenLifeSeconds,
} from "../../../src/auth/signing-keys/keys.ts";
import { createKeyFolder } from "../../../src/auth/signing-keys/folder.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const root = temporaryFolder();
mkdirSync(root, { recursive: true });

/** A new folder for keys, and a clock that the test sets. */
function setting() {
  const folder = path.join(mkdtempSync(path.join(root, "keys-")), "keys");
  const store = createKeyFolder(folder);
  const time = { nowMs: 1_700_000_000_000 };
  const reported: unknown[] = [];
  const clock = () => time.nowMs;
  const rotated: string[] = [];
  const report = (error: unknown) => reported.push(error);
  const onRotated = ({ id }: { readonly id: string }) => rotated.push(id);
  const open = (algorithm: "ES256" | "RS256" = "ES256") =>
    openKeys({ store, algorithm, clock, report, onRotated });
  return { folder, store, time, reported, rotated, open };
}

describe("keys", () => {
  test("are created at the first start with owner-only permissions, and reused at the next start", async () => {
    const { folder, open } = setting();
    const first = await (await open()).signing();
    assert.equal(first.algorithm, "ES256");
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.deepEqual(
      readdirSync(folder).map((name) => [name, statSync(path.join(folder, name)).mode & 0o777]),
      [[`${first.id}.pem`, 0o600]],
    );
    assert.equal((await (await open()).signing()).id, first.id);
  });

  test("use the configured algorithm, and keep an older key of another algorithm", async () => {
    const { time, open } = setting();
    const first = await (await open("ES256")).signing();
    time.nowMs += 1000;
    const keys = await open("RS256");
    assert.equal((await keys.signing()).algorithm, "RS256");
    assert.equal((await keys.find(first.id))?.algorithm, "ES256");
    assert.deepEqual(
      (await keys.published()).map(({ alg, kty, use }) => [alg, kty, use]),
      [
        ["RS256", "RSA", "sig"],
        ["ES256", "EC", "sig"],
      ],
    );
  });

  test("are published without private parts", async () => {
    const { open } = setting();
    const [key] = await (await open()).published();
    assert.deepEqual(Object.keys(key ?? {}).toSorted(), [
      ...["alg", "crv", "kid", "kty", "use", "x", "y"],
    ]);
  });

  test("overlap after a rotation for longer than a token lives, and then are removed", async () => {
    const { store, time, rotated, open } = setting();
    assert.ok(overlapMs > tokenLifeSeconds * 1000);
    const keys = await open();
    const old = await keys.signing();
    time.nowMs += 86_400_000;
    const made = await rotateKeys(store, "ES256", time.nowMs);
    time.nowMs += 61_000;
    assert.equal((await keys.signing()).id, made.id);
    assert.deepEqual(rotated, [made.id], "the log says so once");
    assert.equal((await keys.find(old.id))?.id, old.id);
    time.nowMs = made.createdAtMs + overlapMs - 1;
    assert.equal((await keys.find(old.id))?.id, old.id);
    assert.equal((await keys.published()).length, 2);
    time.nowMs += 1;
    assert.equal(await keys.find(old.id), undefined);
    assert.equal((await keys.published()).length, 1);
    // The next rotation deletes the expired key.
    await rotateKeys(store, "ES256", time.nowMs);
    assert.deepEqual(
      (await store.list()).map(({ id }) => id === old.id),
      [false, false],
    );
  });

  test("of another process are found by id, with at most one read for an id per 5 seconds", async () => {
    const { store, time, open } = setting();
    const keys = await open();
    const first = await rotateKeys(store, "ES256", time.nowMs);
    assert.equal((await keys.find(first.id))?.id, first.id);
    const second = await rotateKeys(store, "ES256", time.nowMs);
    time.nowMs += 4999;
    assert.equal(await keys.find(second.id), undefined);
    time.nowMs += 1;
    assert.equal((await keys.find(second.id))?.id, second.id);
  });

  test("that were removed are rejected by a running server within a minute", async () => {
    const { store, time, open } = setting();
    const keys = await open();
    const old = await keys.signing();
    const edition = keys.edition();
    await rotateKeys(store, "ES256", time.nowMs);
    await store.remove(old.id);
    time.nowMs += 60_000;
    keys.edition();
    await keys.signing();
    assert.notEqual(keys.edition(), edition);
    assert.equal(await keys.find(old.id), undefined);
  });

  test("stay in use while the folder can't be read, and the reported error has no file content", async () => {
    const { folder, time, reported, open } = setting();
    const keys = await open();
    const { id } = await keys.signing();
    writeFileSync(path.join(folder, `${"0".repeat(26)}.pem`), "not a key, but a canary");
    time.nowMs += 60_000;
    assert.equal((await keys.signing()).id, id);
    assert.equal(reported.length, 1);
    assert.doesNotMatch(String(reported[0]), /canary/);
    await assert.rejects(open(), /is not a private key/);
  });

  test("are created again by a running server after the folder was deleted", async () => {
    const { folder, time, open } = setting();
    const keys = await open();
    const { id } = await keys.signing();
    rmSync(folder, { recursive: true });
    time.nowMs += 60_000;
    assert.notEqual((await keys.signing()).id, id);
    assert.equal(await keys.find(id), undefined);
  });

  test("created after the clock was set back are still the newest", async () => {
    const { store, time } = setting();
    const first = await rotateKeys(store, "ES256", time.nowMs);
    const second = await rotateKeys(store, "ES256", time.nowMs - 3_600_000);
    const keys = await store.list();
    assert.deepEqual(
      keys.map(({ id }) => id),
      [second.id, first.id],
    );
    assert.equal(endOf(keys, second), undefined);
  });
});
