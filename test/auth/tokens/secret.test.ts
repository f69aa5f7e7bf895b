import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  hashTokenSecret,
  isTokenSecret,
  looksLikeToken,
  generateTokenSecret,
} from "../../../src/auth/tokens/secret.ts";
import { opensPath } from "../../../src/database/permissions/repository-rules.ts";

describe("the secret of an access token", () => {
  test("has a prefix for its kind and a checksum that detects any changed character", () => {
    for (const [kind, shape] of [
      ["personal", /^berth_pat_[0-9A-Za-z]{38}$/],
      ["organisation", /^berth_oat_[0-9A-Za-z]{38}$/],
    ] as const) {
      const secret = generateTokenSecret(kind);
      assert.match(secret, shape);
      assert.ok(isTokenSecret(secret));
      for (let at = 0; at < secret.length; at += 1) {
        const other = secret[at] === "x" ? "y" : "x";
        assert.ok(!isTokenSecret(`${secret.slice(0, at)}${other}${secret.slice(at + 1)}`));
      }
      assert.ok(!isTokenSecret(`${secret}0`));
    }
  });

  test("has the checksum that secret scanners verify", () => {
    assert.ok(isTokenSecret(`berth_pat_${"0".repeat(32)}2rzB82`));
  });

  test("is unique, and so is its stored hash", () => {
    const secrets = new Set(Array.from({ length: 100 }, () => generateTokenSecret("personal")));
    assert.equal(secrets.size, 100);
    assert.equal(new Set([...secrets].map(hashTokenSecret)).size, 100);
  });

  test("is distinguished from a password by its prefix", () => {
    assert.ok(looksLikeToken("berth_oat_nonsense"));
    assert.ok(!looksLikeToken("my berth_pat_"));
  });
});

describe("the resources of an organisation's token", () => {
  const paths: readonly [string, string, boolean][] = [
    ["team/app", "team/app", true],
    ["team/app", "team/app2", false],
    ["team/*", "team/app", true],
    ["team/*", "team/a/b/c", true],
    ["team/*", "teams/app", false],
    ["team/*-ci", "team/app-ci", true],
    ["team/*-ci", "team/app-ci/x", false],
    ["team/a*a", "team/a", false],
    ["team/*b*c*", "team/abxc", true],
    ["team/*b*c*", "team/acb", false],
    ["team/**", "team/app", true],
  ];
  for (const [pattern, name, opens] of paths) {
    test(`${pattern} ${opens ? "opens" : "does not open"} ${name}`, () => {
      assert.equal(opensPath(pattern, name), opens);
    });
  }
});
