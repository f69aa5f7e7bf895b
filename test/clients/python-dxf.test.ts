import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { adminPassword, startBerth } from "./support/berth.ts";
import { refusal, tool, type Tool } from "./support/command.ts";
import { digestOf } from "./support/registry-reader.ts";
import { createScratch } from "./support/scratch.ts";

/*
 * python-dxf stores no login: it reads its settings from the environment. It sends passwords only over TLS.
 */

const certificate = path.join(import.meta.dirname, "../support/tls/first.cert.pem");
const folder = createScratch("python-dxf");
const berth = await startBerth({
  open: false,
  settings: {
    BERTH_TLS_CERT: certificate,
    BERTH_TLS_KEY: certificate.replace(".cert.", ".key."),
  },
});
const reading = ["token", "create", "admin", "--label", "reader", "--scope", "repo:read"];
const readToken = (await berth.administer(reading)).trim();

const dxf = (secret = adminPassword): Tool =>
  tool("dxf", {
    cwd: folder,
    env: {
      ...{ HOME: folder, DXF_TLSVERIFY: certificate },
      ...{ DXF_HOST: `localhost:${berth.host.split(":")[1]}` },
      ...{ DXF_USERNAME: "admin", DXF_PASSWORD: secret },
    },
  });

function newFile(name: string, content: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
}
const content = "a blob that python-dxf pushes\n";
const digest = digestOf(content);

test("python-dxf receives a token for the right password, and fails with a wrong password", async () => {
  const { stdout } = await dxf()("auth", "admin/dxf", "pull", "push");
  assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\s*$/);
  assert.match(await refusal(dxf("wrong")("auth", "admin/dxf", "pull")), /DXFUnauthorizedError/);
});

test("python-dxf pushes a blob under an alias into a private repository and pulls it back", async () => {
  const pushed = await dxf()("push-blob", "admin/dxf", newFile("blob", content), "@first");
  assert.equal(pushed.stdout.trim(), digest);
  assert.equal((await dxf()("pull-blob", "admin/dxf", "@first")).stdout, content);
  assert.equal((await dxf()("pull-blob", "admin/dxf", digest)).stdout, content);
  assert.equal((await dxf()("list-aliases", "admin/dxf")).stdout, "first\n");
});

test("python-dxf fails to push with an access token of scope repo:read", async () => {
  const push = dxf(readToken)("push-blob", "admin/dxf", newFile("other", "not allowed\n"));
  assert.match(await refusal(push), /DXFUnauthorizedError/);
});

test("python-dxf mounts a blob of another private repository", async () => {
  const { stdout } = await dxf()("mount-blob", "admin/mounted", "admin/dxf", digest, "@here");
  assert.equal(stdout.trim(), digest);
  assert.equal((await dxf()("pull-blob", "admin/mounted", "@here")).stdout, content);
});
