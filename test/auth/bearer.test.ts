import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, sign as signBytes, type KeyObject } from "node:crypto";
import { mkdirSync, mkdtempSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { createBearer, type Bearer } from "../../src/auth/bearer.ts";
import { readKeys, removeKey } from "../../src/auth/key-files.ts";
import { openKeys, rotateKeys, tokenLifeSeconds } from "../../src/auth/keys.ts";
import type { Identity } from "../../src/auth/identity.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { temporaryFolder } from "../support/temporary.ts";

const root = temporaryFolder();
mkdirSync(root, { recursive: true });

const mia: Identity = { kind: "user", accountId: 7, name: "mia", isAdmin: false };
const pullAlpine = {
  entries: [{ type: "repository", name: "alpine", actions: ["pull"] }],
  removals: 3,
};

async function setting(algorithm: "ES256" | "RS256" = "ES256") {
  const folder = path.join(mkdtempSync(path.join(root, "bearer-")), "keys");
  const time = { nowMs: 1_700_000_000_000 };
  const clock = () => time.nowMs;
  const report = (error: unknown): void => assert.fail(String(error));
  const keys = await openKeys({ folder, algorithm, clock, report });
  const bearer = createBearer({ keys, issuer: "berth", service: "berth", clock });
  const [key] = await readKeys(folder);
  assert.ok(key);
  return { folder, time, keys, bearer, key };
}

const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString("base64url");
const decode = (token: string, at: 0 | 1) =>
  JSON.parse(Buffer.from(token.split(".")[at] ?? "", "base64url").toString()) as Record<
    string,
    unknown
  >;

/** A token made by hand, so that anything may be wrong with it. */
function forge(header: object, claims: object, sign: (text: string) => Buffer): string {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${sign(text).toString("base64url")}`;
}

const es256 =
  (privateKey: KeyObject) =>
  (text: string): Buffer =>
    signBytes("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" });

describe("a bearer token", () => {
  test("says in the words of every registry who may do what, and for how long", async () => {
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
      berth: { identity: mia, removals: 3 },
    });
  });

  for (const algorithm of ["ES256", "RS256"] as const) {
    test(`signed with ${algorithm} is read back`, async () => {
      const { bearer } = await setting(algorithm);
      const { token } = await bearer.sign(mia, {
        entries: [...pullAlpine.entries, { type: "registry", name: "catalog", actions: ["*"] }],
        removals: 3,
      });
      assert.equal(bearer.peek(token), undefined);
      const caller = await bearer.verify(token);
      assert.deepEqual(caller, {
        identity: mia,
        access: new Map([[parseRepositoryName("library/alpine"), new Set(["pull"])]]),
        catalog: true,
        removals: 3,
        live: false,
      });
      assert.equal(bearer.peek(token), caller);
    });
  }

  test("is good until it expires, also when it was verified before", async () => {
    const { bearer, time } = await setting();
    const { token } = await bearer.sign(mia, pullAlpine);
    time.nowMs += tokenLifeSeconds * 1000 - 1;
    assert.ok(await bearer.verify(token));
    time.nowMs += 1;
    assert.equal(bearer.peek(token), undefined);
    assert.equal(await bearer.verify(token), undefined);
  });

  test("outlives the rotation of its key, but not its removal", async () => {
    const { bearer, folder, keys, time } = await setting();
    const { token } = await bearer.sign(mia, pullAlpine);
    assert.ok(await bearer.verify(token));
    const [old] = await readKeys(folder);
    time.nowMs += 1000;
    await rotateKeys(folder, "ES256", time.nowMs);
    time.nowMs += 60_000;
    await keys.signing();
    assert.ok(await bearer.verify(token));
    await removeKey(folder, old?.id ?? "");
    time.nowMs += 60_000;
    await keys.signing();
    assert.equal(bearer.peek(token), undefined);
    assert.equal(await bearer.verify(token), undefined);
  });

  test("is kept for the next request only while there is room", async () => {
    const { bearer } = await setting();
    const long = { entries: [{ type: "x", name: "y".repeat(20_000), actions: [] }], removals: 0 };
    const { token: first } = await bearer.sign(mia, long);
    await bearer.verify(first);
    for (let count = 0; count < 1300; count += 1)
      await bearer.verify((await bearer.sign(mia, long)).token);
    assert.equal(bearer.peek(first), undefined);
    assert.ok(await bearer.verify(first));
  });
});

describe("a token that is not ours", () => {
  const attacks = async () => {
    const { bearer, key, time } = await setting();
    const rsa = (await setting("RS256")).key;
    const { token } = await bearer.sign(mia, pullAlpine);
    const header = decode(token, 0);
    const claims = decode(token, 1);
    const [head = "", body = "", signature = ""] = token.split(".");
    const now = time.nowMs / 1000;
    const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const jwk = stranger.publicKey.export({ format: "jwk" });
    const pem = key.publicKey.export({ type: "spki", format: "pem" });
    const hs256 = (secret: string | Buffer) => (text: string) =>
      createHmac("sha256", secret).update(text).digest();
    const ours = (changes: object, changedHeader: object = {}) =>
      forge({ ...header, ...changedHeader }, { ...claims, ...changes }, es256(key.privateKey));
    const theirs = (changes: object) =>
      forge({ ...header, ...changes }, claims, es256(stranger.privateKey));
    const without = (name: string) => {
      const { [name]: _, ...rest } = claims;
      return forge(header, rest, es256(key.privateKey));
    };
    const tampered = encode({ ...claims, sub: "admin" });
    return {
      bearer,
      proof: ours({}),
      tokens: {
        "without a signature": `${head}.${body}.`,
        "with alg none": `${encode({ alg: "none", typ: "JWT" })}.${body}.`,
        "with alg none, our kid and a signature": forge({ ...header, alg: "none" }, claims, () =>
          Buffer.from("x"),
        ),
        "with alg NoNe": `${encode({ ...header, alg: "NoNe" })}.${body}.${signature}`,
        "with HS256 and our public key in PEM": forge(
          { ...header, alg: "HS256" },
          claims,
          hs256(pem),
        ),
        "with HS256 and our public key in DER": forge(
          { ...header, alg: "HS256" },
          claims,
          hs256(key.publicKey.export({ type: "spki", format: "der" })),
        ),
        "with HS256 and an empty secret": forge({ ...header, alg: "HS256" }, claims, hs256("")),
        "with another algorithm of the same family": ours({}, { alg: "ES384" }),
        "with RS256 by an RSA key of somebody else": forge(
          { ...header, alg: "RS256" },
          claims,
          (text) => signBytes("sha256", Buffer.from(text), rsa.privateKey),
        ),
        "by another key under our kid": theirs({}),
        "with its key in jwk": theirs({ jwk }),
        "with its key in jwk and no kid": theirs({ kid: undefined, jwk }),
        "with its key behind jku": theirs({ jku: "http://127.0.0.1:1/jwks.json" }),
        "with its certificate behind x5u": theirs({ x5u: "http://127.0.0.1:1/cert.pem" }),
        "with its certificate in x5c": theirs({ x5c: ["MIIB"] }),
        "by our key, with jwk beside the kid": ours({}, { jwk }),
        "by our key, with crit": ours({}, { crit: ["exp"] }),
        "by our key, with another typ": ours({}, { typ: "at+jwt" }),
        "by our key, without a typ": ours({}, { typ: undefined }),
        "with a kid that is nobody's": theirs({ kid: "01ARZ3NDEKTSV4RRFFQ69G5FAV" }),
        "with a kid that is a path": theirs({ kid: "../../../dev/null" }),
        "with a kid that is a query": theirs({ kid: "x' UNION SELECT 'key' --" }),
        "with a kid that is a number": theirs({ kid: 1 }),
        "with a kid of every object": theirs({ kid: "__proto__" }),
        "for another audience": ours({ aud: "other" }),
        "for several audiences, none of them ours": ours({ aud: ["a", "b"] }),
        "by another issuer": ours({ iss: "other" }),
        "that is over": ours({ exp: now - 1 }),
        "that is over this second": ours({ exp: now }),
        "that is not good yet": ours({ nbf: now + 1 }),
        "that never expires": without("exp"),
        "with a text for exp": ours({ exp: "2999999999" }),
        "without nbf": without("nbf"),
        "without iss": without("iss"),
        "without aud": without("aud"),
        "without access": without("access"),
        "without what we know it by": without("berth"),
        "whose claims were changed": `${head}.${tampered}.${signature}`,
        "whose claims are no object": forge(header, ["x"], es256(key.privateKey)),
        "with a dot more": `${token}.`,
        "with two dots more": `${token}..`,
        "with a part more": `${token}.${body}`,
        "with five parts": `${head}.${body}.${signature}.${body}.${signature}`,
        "with a dot less": `${head}${body}.${signature}`,
        "of dots": "..",
        "of many dots": ".".repeat(10_000),
        "of nothing": "",
        "that is no JSON": "bm90.bm90.bm90",
        "with a space at its end": `${token} `,
        "in base64 that is not for URLs": `${head}.${body}.${"+/".repeat(40)}`,
        "of a megabyte": `${head}.${"A".repeat(1_000_000)}.${signature}`,
        "with a header of a megabyte": `${encode({ ...header, x: "y".repeat(1_000_000) })}.${body}.${signature}`,
        "with a header as deep as it is long": `${Buffer.from("[".repeat(20_000)).toString(
          "base64url",
        )}.${body}.${signature}`,
      } satisfies Record<string, string>,
    };
  };

  test("is refused, whatever is wrong with it", async (context) => {
    const { bearer, proof, tokens } = await attacks();
    assert.ok(await bearer.verify(proof), "what is forged with nothing wrong is good");
    for (const [name, token] of Object.entries(tokens)) {
      await context.test(name, async () => {
        assert.equal(await bearer.verify(token), undefined);
        assert.equal(bearer.peek(token), undefined);
      });
    }
  });

  test("costs next to nothing (printed, not judged)", async (context) => {
    const { bearer, tokens } = await attacks();
    let slowest = ["", 0] as [string, number];
    for (const [name, token] of Object.entries(tokens)) {
      const times: number[] = [];
      for (let round = 0; round < 5; round += 1) times.push(await timed(bearer, token));
      const median = times.toSorted((a, b) => a - b)[2] ?? 0;
      if (median > slowest[1]) slowest = [name, median];
    }
    context.diagnostic(`the slowest to refuse is one ${slowest[0]}: ${slowest[1].toFixed(2)} ms`);
  });
});

async function timed(bearer: Bearer, token: string): Promise<number> {
  const before = performance.now();
  await bearer.verify(token);
  return performance.now() - before;
}
