import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { createBearer } from "../../../src/auth/tokens/bearer.ts";
import { createKeyFolder } from "../../../src/auth/signing-keys/folder.ts";
import { openKeys, rotateKeys, tokenLifeSeconds } from "../../../src/auth/signing-keys/keys.ts";
import type { Principal } from "../../../src/database/permissions/principal.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { decode, forgedTokens, resign } from "./forged-tokens.ts";

const root = temporaryFolder();
mkdirSync(root, { recursive: true });

const mia: Principal = { kind: "user", accountId: 7, name: "mia", isAdmin: false, by: "password" };
const pullAlpine = {
  entries: [{ type: "repository", name: "alpine", actions: ["pull"] }],
  removals: 3,
  absent: [],
};

async function setting(algorithm: "ES256" | "RS256" = "ES256") {
  const store = createKeyFolder(path.join(mkdtempSync(path.join(root, "bearer-")), "keys"));
  const time = { nowMs: 1_700_000_000_000 };
  const clock = () => time.nowMs;
  const report = (error: unknown): void => assert.fail(String(error));
  const keys = await openKeys({ store, algorithm, clock, report });
  const bearer = createBearer({ keys, issuer: "berth", service: "berth", clock });
  const [key] = await store.list();
  assert.ok(key);
  return { store, time, keys, bearer, key };
}

describe("a bearer token", () => {
  test("has the claims of the token specification, the access list and a lifetime of 300 seconds", async () => {
    const { bearer, key, time } = await setting();
    const { token, expiresInSeconds, issuedAtMs } = await bearer.sign(mia, pullAlpine);
    assert.deepEqual([expiresInSeconds, issuedAtMs], [300, time.nowMs]);
    assert.deepEqual(decode(token, 0), { alg: "ES256", typ: "JWT", kid: key.id });
    const { jti, ...claims } = decode(token, 1);
    assert.match(String(jti), /^[0-9a-f-]{36}$/);
    assert.deepEqual(claims, {
      iss: "berth",
      sub: "mia",
      aud: "berth",
      exp: 1_700_000_300,
      nbf: 1_699_999_940,
      iat: 1_700_000_000,
      access: [{ type: "repository", name: "alpine", actions: ["pull"] }],
      berth: { identity: mia, removals: 3, absent: [] },
    });
  });

  for (const algorithm of ["ES256", "RS256"] as const) {
    test(`signed with ${algorithm} is verified and then cached`, async () => {
      const { bearer } = await setting(algorithm);
      const { token } = await bearer.sign(mia, {
        entries: [...pullAlpine.entries, { type: "registry", name: "catalog", actions: ["*"] }],
        removals: 3,
        absent: [parseRepositoryName("alpine")],
      });
      assert.equal(bearer.getCached(token), undefined);
      const grant = await bearer.verify(token);
      assert.deepEqual(grant, {
        principal: mia,
        actions: new Map([[parseRepositoryName("library/alpine"), new Set(["pull"])]]),
        catalog: true,
        removals: 3,
        absent: new Set([parseRepositoryName("library/alpine")]),
        live: false,
        expiresAtMs: 1_700_000_000_000 + tokenLifeSeconds * 1000,
      });
      assert.equal(bearer.getCached(token), grant);
    });
  }

  test("is valid until it expires, even if it was verified before", async () => {
    const { bearer, time } = await setting();
    const { token } = await bearer.sign(mia, pullAlpine);
    time.nowMs += tokenLifeSeconds * 1000 - 1;
    assert.ok(await bearer.verify(token));
    time.nowMs += 1;
    assert.equal(bearer.getCached(token), undefined);
    assert.equal(await bearer.verify(token), undefined);
  });

  test("stays valid after the rotation of its key, but not after the removal of its key", async () => {
    const { bearer, store, keys, time } = await setting();
    const { token } = await bearer.sign(mia, pullAlpine);
    assert.ok(await bearer.verify(token));
    const [old] = await store.list();
    time.nowMs += 1000;
    await rotateKeys(store, "ES256", time.nowMs);
    time.nowMs += 60_000;
    await keys.signing();
    assert.ok(await bearer.verify(token));
    await store.remove(old?.id ?? "");
    time.nowMs += 60_000;
    await keys.signing();
    assert.equal(bearer.getCached(token), undefined);
    assert.equal(await bearer.verify(token), undefined);
  });

  test("is evicted from a full cache, and still verifies", async () => {
    const { bearer } = await setting();
    const entries = [{ type: "x", name: "y".repeat(20_000), actions: [] }];
    const long = { entries, removals: 0, absent: [] };
    const { token: first } = await bearer.sign(mia, long);
    await bearer.verify(first);
    for (let count = 0; count < 1300; count += 1)
      await bearer.verify((await bearer.sign(mia, long)).token);
    assert.equal(bearer.getCached(first), undefined);
    assert.ok(await bearer.verify(first));
  });
});

describe("a forged token", () => {
  const attacks = async () => {
    const { bearer, key } = await setting();
    const { token } = await bearer.sign(mia, pullAlpine);
    const proof = resign(token, key.privateKey, {});
    return { bearer, proof, tokens: forgedTokens(token, key) };
  };

  test("is rejected for every kind of defect", async (context) => {
    const { bearer, proof, tokens } = await attacks();
    assert.ok(await bearer.verify(proof), "what is forged with nothing wrong is good");
    for (const [name, token] of Object.entries(tokens)) {
      await context.test(name, async () => {
        assert.equal(await bearer.verify(token), undefined);
        assert.equal(bearer.getCached(token), undefined);
      });
    }
  });
});
