import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
mkdirSync(folder, { recursive: true });

/** Runs the audit with an `npm` that prints `printed`. */
function audit(printed: string) {
  const npm = path.join(folder, "npm");
  writeFileSync(npm, `#!/bin/sh\ncat <<'EOF'\n${printed}\nEOF\nexit 1\n`);
  chmodSync(npm, 0o755);
  const register = path.join(import.meta.dirname, "../support/register.mjs");
  const program = path.join(import.meta.dirname, "../../scripts/audit.ts");
  return spawnSync(process.execPath, ["--import", register, program], {
    encoding: "utf8",
    env: { ...process.env, PATH: `${folder}:${process.env["PATH"]}` },
  });
}

const database = { dependencies: { prod: 100 } };

describe("the audit of dependencies", () => {
  test("passes when npm reports no vulnerability", () => {
    const { status, stdout } = audit(JSON.stringify({ vulnerabilities: {}, database }));
    assert.equal(stdout, "audit: 0 of 100 packages have known vulnerabilities\n");
    assert.equal(status, 0);
  });

  test("fails and prints package, range and advisory of a known vulnerability", () => {
    const via = [{ title: "Reads other files", url: "https://example.org/1" }];
    const vulnerabilities = { leftpad: { severity: "high", range: "<2", via } };
    const { status, stderr } = audit(JSON.stringify({ vulnerabilities, database }));
    assert.equal(stderr, "audit: leftpad <2: high: Reads other files https://example.org/1\n");
    assert.equal(status, 1);
  });

  test("exits with 3 when npm could not ask the registry", () => {
    for (const printed of [JSON.stringify({ message: "405 Method Not Allowed" }), "no JSON", ""]) {
      const { status, stderr } = audit(printed);
      assert.match(stderr, /^audit: could not ask the registry: /);
      assert.equal(status, 3);
    }
  });
});
