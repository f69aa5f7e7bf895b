import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { adminPassword, startBerth } from "./support/berth.ts";
import { attempt, tool } from "./support/command.ts";
import { createScratch } from "./support/scratch.ts";
import { createTarball } from "./support/tarball.ts";

/*
 * hub-tool is Docker's command line for Docker Hub. Two variables set its API and registry. It reads the password only
 * from a terminal, which `script` provides.
 */

const berth = await startBerth({ open: false });
const folder = createScratch("hub-tool");
const settings = path.join(folder, ".docker");
mkdirSync(settings);
const env = {
  HOME: folder,
  DOCKER_CONFIG: settings,
  DOCKER_HUB_API_URL: `http://${berth.host}`,
  DOCKER_REGISTRY_URL: berth.host,
};
const hubTool = tool("hub-tool", { env });
const crane = tool("crane", { env }, ["--insecure"]);
const admin = ["-u", "admin", "-p", adminPassword];
await crane("auth", "login", berth.host, ...admin);
const layer = path.join(folder, "layer.tar");
writeFileSync(layer, createTarball([{ path: "greeting", content: "hello" }]));
for (const tag of ["1.4", "1.5"])
  await crane("append", "-f", layer, "-t", `${berth.host}/admin/app:${tag}`);

const script = `(sleep 2; echo "$1"; sleep 1) | script -qec "hub-tool login admin" /dev/null`;
const login = (password: string) => attempt("bash", ["-c", script, "bash", password], { env });

test("hub-tool fails to log in with a wrong password, and logs in with the right one", async () => {
  assert.match((await login("not this one")).stdout, /Incorrect authentication credentials/);
  assert.match((await login(adminPassword)).stdout, /Login Succeeded/);
});

test("hub-tool shows the account, its repositories and their tags", async () => {
  assert.match((await hubTool("account", "info")).stdout, /admin[\s\S]*Berth[\s\S]*unlimited/);
  assert.match((await hubTool("repo", "ls")).stdout, /admin\/app/);
  const { stdout } = await hubTool("tag", "ls", "admin/app");
  assert.match(stdout, /admin\/app:1\.5 +sha256:\w+ +active[\s\S]*admin\/app:1\.4 /);
  assert.match((await hubTool("org", "ls")).stdout, /NAMESPACE/);
});

test("hub-tool creates an access token, deactivates it and deletes it", async () => {
  const made = await hubTool("token", "create", "--description", "ci", "--quiet");
  assert.match(made.stdout, /^berth_pat_\w{38}/);
  const [id = ""] = /[0-9a-f-]{36}/.exec((await hubTool("token", "ls")).stdout) ?? [];
  assert.match((await hubTool("token", "inspect", id)).stdout, /Is Active:\s+\S*true/);
  await hubTool("token", "deactivate", id);
  assert.match((await hubTool("token", "inspect", id)).stdout, /Is Active:\s+\S*false/);
  await hubTool("token", "rm", "--force", id);
  assert.doesNotMatch((await hubTool("token", "ls")).stdout, /ci/);
});

test("hub-tool deletes a tag and then the repository", async () => {
  await hubTool("tag", "rm", "--force", "admin/app:1.4");
  assert.doesNotMatch((await hubTool("tag", "ls", "admin/app")).stdout, /1\.4/);
  await hubTool("repo", "rm", "--force", "admin/app");
  assert.doesNotMatch((await hubTool("repo", "ls")).stdout, /admin\/app/);
});
