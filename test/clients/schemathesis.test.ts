import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { adminPassword, isReplicated, startBerth } from "./support/berth.ts";
import { attempt, tool } from "./support/command.ts";
import { createScratch } from "./support/scratch.ts";
import { createTarball } from "./support/tarball.ts";

/*
 * schemathesis reads the OpenAPI document and sends thousands of valid and invalid requests, the same in every run. It
 * compares each answer with the document.
 */

const folder = createScratch("schemathesis");
const berth = await startBerth({ open: false });
await berth.administer(["org", "add", "team", "--owner", "admin"]);
await berth.administer(["team", "add", "team", "devs"]);
const crane = tool("crane", { env: { HOME: folder } }, ["--insecure"]);
await crane("auth", "login", berth.host, "-u", "admin", "-p", adminPassword);
const layer = path.join(folder, "layer.tar");
writeFileSync(layer, createTarball([{ path: "greeting", content: "hello" }]));
await crane("append", "-f", layer, "-t", `${berth.host}/team/app:1`);

const basic = Buffer.from(`admin:${adminPassword}`).toString("base64");
const settings = path.join(import.meta.dirname, "schemathesis.toml");

test("schemathesis finds no answer that contradicts the OpenAPI document", async () => {
  const url = `http://${berth.host}`;
  const { code, stdout } = await attempt(
    "schemathesis",
    [
      ...["--config-file", settings, "run", `${url}/openapi.json`, "--url", url],
      ...["--header", `Authorization: Basic ${basic}`, "--phases", "examples,coverage,fuzzing"],
      ...["--max-examples", "20", "--seed", "1", "--no-color"],
      // In read-only mode all changes would be 503.
      ...["--exclude-path", "/api/berth/v1/admin/read-only"],
      // The load balancer answers 404 itself.
      ...(isReplicated ? ["--exclude-path", "/metrics"] : []),
    ],
    { cwd: folder, env: { HOME: folder }, timeoutSeconds: 300 },
  );
  assert.equal(code, 0, stdout.slice(-20_000));
  const generated = Number(/(\d+) generated/.exec(stdout)?.[1]);
  assert.ok(generated > 4000, `only ${generated} requests were made`);
  // The run covers all operations of the document.
  const [, selected, tested] = /Selected: (\d+)\/\d+\s+Tested: (\d+)/.exec(stdout) ?? [];
  assert.equal(tested, selected);
});
