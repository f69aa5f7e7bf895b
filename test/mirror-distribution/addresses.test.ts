import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

test("addresses that are not public are never reached, whatever names and redirects say", async () => {
  const inside = fileURLToPath(new URL("addresses-inside.ts", import.meta.url));
  const node = [process.execPath, "--import", "./test/support/register.mjs", inside];
  // A test within a test would take itself for a part of this one.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn("unshare", ["--net", "--mount", ...node], {
    env,
    // What it opens may keep it from ending where it fails.
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
