import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KeyStore } from "../../../src/auth/signing-keys/key.ts";
import { createKeyRing, openKeys, overlapMs } from "../../../src/auth/signing-keys/keys.ts";
import { createKeyTable } from "../../../src/auth/signing-keys/table.ts";
import { openTestDatabase } from "../../support/database.ts";

const [first, second] = ["the first secret ".repeat(2), "the second secret ".repeat(2)];

/** A database, and its keys as replicas with the given secrets see them. The clock is at 1 million seconds. */
async function setting() {
  const database = await openTestDatabase();
  const clock = () => 1_000_000_000;
  const table = (secret = first, oldSecret?: string) => createKeyTable(database, secret, oldSecret);
  const open = (store: KeyStore, report: (error: unknown) => void = assert.ifError) =>
    openKeys({ store, algorithm: "ES256", clock, report });
  const ring = (store: KeyStore) => createKeyRing({ store, algorithm: "ES256", clock });
  return { database, clock, table, open, ring };
}

const idsOf = async (store: KeyStore): Promise<readonly string[]> =>
  (await store.list()).map(({ id }) => id);

describe("the keys in the database", () => {
  test("are one key after the first start of three replicas at the same time", async () => {
    const { table, open } = await setting();
    const replicas = await Promise.all([1, 2, 3].map(() => open(table())));
    const [id, ...more] = await idsOf(table());
    assert.deepEqual(more, []);
    for (const keys of replicas) assert.equal((await keys.signing()).id, id);
  });

  test("are the same key for every replica, and not readable in the database", async () => {
    const { database, table, open } = await setting();
    const { privateKey } = await (await open(table())).signing();
    const other = await (await open(table())).signing();
    const pkcs8 = privateKey.export({ type: "pkcs8", format: "der" });
    assert.deepEqual(other.privateKey.export({ type: "pkcs8", format: "der" }), pkcs8);
    const [row] = await database.signingKeys.list();
    assert.equal(Buffer.from(row?.sealed ?? []).includes(pkcs8.subarray(32, 64)), false);
  });

  test("of a rotation on another replica are found at once, and the older key still verifies", async () => {
    const { table, open, ring, clock } = await setting();
    const keys = await open(table());
    const old = await keys.signing();
    const made = await ring(table()).rotate();
    assert.equal((await keys.find(made.id))?.id, made.id);
    assert.equal((await keys.find(old.id))?.id, old.id);
    const listed = await ring(table()).list();
    assert.deepEqual(
      listed.map(({ id, endsAtMs }) => [id, endsAtMs]),
      [
        [made.id, undefined],
        [old.id, clock() + 1 + overlapMs],
      ],
    );
  });

  test("of two rotations at the same time are two keys", async () => {
    const { table, ring } = await setting();
    const made = await Promise.all([ring(table()).rotate(), ring(table()).rotate()]);
    assert.deepEqual(new Set(await idsOf(table())), new Set(made.map(({ id }) => id)));
  });

  test("are removed by id", async () => {
    const { table, ring } = await setting();
    const old = await ring(table()).rotate();
    const { id } = await ring(table()).rotate();
    assert.deepEqual(await ring(table()).remove(old.id, true), { kind: "removed" });
    assert.deepEqual(await idsOf(table()), [id]);
  });

  test("open with the current and the old secret, and after a reseal with the current one alone", async () => {
    const { table } = await setting();
    const { ring, open } = await setting();
    await open(table(first));
    const both = table(second, first);
    const [id] = await idsOf(both);
    assert.deepEqual(await ring(both).reseal(), [id]);
    assert.deepEqual(await idsOf(table(second)), [id]);
    await assert.rejects(table(first).list(), { name: "KeySecretError" });
  });

  test("do not open with another secret, and the start of the server says so", async () => {
    const { database, table, open, ring } = await setting();
    await open(table(first));
    const message = /auth\.keySecret does not open the signing key/;
    await assert.rejects(open(table(second)), message);
    await assert.rejects(ring(table(second)).rotate(), message);
    assert.throws(() => createKeyTable(database, undefined, undefined), {
      name: "KeySecretError",
    });
  });

  test("do not open under another id, or after a change of one bit", async () => {
    const { database, table, ring } = await setting();
    await ring(table()).rotate();
    const [key] = await database.signingKeys.list();
    assert.ok(key);
    const replace = async (id: string, sealed: Uint8Array): Promise<void> => {
      await database.commands.removeSigningKey({ id: key.id });
      const columns = { algorithm: "ES256", createdAtMs: 0, before: undefined };
      await database.commands.addSigningKey({ id, sealed, ...columns });
    };
    const changed = Buffer.from(key.sealed);
    changed.writeUInt8(changed.readUInt8(40) ^ 1, 40);
    for (const sealed of [changed, key.sealed.subarray(0, 20), Buffer.alloc(0)]) {
      await replace(key.id, sealed);
      await assert.rejects(table().list(), { name: "KeySecretError" });
    }
    await replace(key.id, key.sealed);
    assert.deepEqual(await idsOf(table()), [key.id]);
    await replace("0".repeat(26), key.sealed);
    await assert.rejects(table().list(), { name: "KeySecretError" });
  });
});
