import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

test("a mirror never connects to a private address that a DNS answer or a redirect names", async () => {
  const inside = fileURLToPath(new URL("addresses-inside.ts", import.meta.url));
  const node = [process.execPath, "--import", "./test/support/register.mjs", inside];
  // With NODE_TEST_CONTEXT the child process would report its test as a subtest of this one.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn("unshare", ["--net", "--mount", ...node], {
    env,
    // After a failure open servers may keep the child process alive.
    timeout: 120_000,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  const [code] = (await once(child, "close")) as [number];
  assert.equal(code, 0, text);
  assert.match(text, /pass 1\b/);
});
