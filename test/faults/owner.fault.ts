import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { newFolder, scratch } from "./support/scratch.ts";

const owner = 12_345;
const env = { PATH: process.env["PATH"] };

/** Runs a `berth` command as this user, or as root. */
function berth(words: readonly string[], user?: number, input = "") {
  const node = [process.execPath, path.resolve("dist/main.js"), ...words];
  // Other users may not be allowed to read the folder of this checkout.
  const reads = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"];
  const as = ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups", ...reads];
  const [file = "", ...rest] = user === undefined ? node : [...as, ...node];
  const { status, stdout, stderr } = spawnSync(file, rest, { env, input, encoding: "utf8" });
  return { status, stdout, stderr };
}

test("a command that root runs on the folder of a service user exits with 1 and creates no file there", () => {
  const data = path.join(newFolder("owner"), "data");
  chmodSync(scratch, 0o711);
  mkdirSync(data);
  chownSync(data, owner, owner);
  const password = "correct horse battery";
  assert.equal(berth(["user", "add", "mia", "--data", data], owner, password).status, 0);
  const before = readdirSync(data, { recursive: true }).toSorted();
  for (const words of [
    ["keys", "rotate"],
    ["gc"],
    ["repo", "list"],
    ["serve", "--listen", "127.0.0.1:0"],
  ]) {
    const { status, stderr } = berth([...words, "--data", data]);
    assert.equal(status, 1);
    assert.match(stderr, /belongs to the user #12345, and this is root.*sudo -u '#12345' berth …/);
  }
  assert.deepEqual(readdirSync(data, { recursive: true }).toSorted(), before);
  assert.equal(berth(["keys", "rotate", "--data", data], owner).status, 0);
});
