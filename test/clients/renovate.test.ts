import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { startBerth } from "./support/berth.ts";
import { run, tool } from "./support/command.ts";
import { atEnd, createScratch } from "./support/scratch.ts";
import { createTarball } from "./support/tarball.ts";
import { waitUntil } from "../support/wait.ts";

/*
 * Renovate looks for newer tags at https://hub.docker.com. In the mount namespace of the suite /etc/hosts maps this
 * name to a Berth, whose certificate is for this name.
 */

const address = "127.0.0.7";
const hosts = ["hub.docker.com", "index.docker.io"];
const folder = createScratch("renovate");
const certificate = path.join(folder, "cert.pem");
const key = path.join(folder, "key.pem");
await run("openssl", [
  ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
  ...["-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=stand-in"],
  "-addext",
  `subjectAltName=IP:${address},${hosts.map((host) => `DNS:${host}`).join(",")}`,
]);
const named = path.join(folder, "hosts");
writeFileSync(named, `${readFileSync("/etc/hosts", "utf8")}\n${address} ${hosts.join(" ")}\n`);
await run("mount", ["--bind", named, "/etc/hosts"]);
atEnd(async () => void (await run("umount", ["/etc/hosts"])));

const berth = await startBerth({
  listen: `${address}:443`,
  settings: {
    ...{ BERTH_TLS_CERT: certificate, BERTH_TLS_KEY: key, BERTH_LOG_LEVEL: "debug" },
    // In open mode Berth answers only requests with its own host name.
    BERTH_PUBLIC_URL: `https://${hosts[0]}`,
  },
});
const crane = tool("crane", { env: { HOME: folder, SSL_CERT_FILE: certificate } });
const layer = path.join(folder, "layer.tar");
writeFileSync(layer, createTarball([{ path: "greeting", content: "hello" }]));
for (const tag of ["1.4.0", "1.5.0", "2.0.0-rc1"])
  await crane("append", "-f", layer, "-t", `${address}/mia/app:${tag}`);

/** The versions that Renovate proposes for a Dockerfile, and the log of its requests when it has the `expected` one. */
async function updatesOf(name: string, from: string, expected: RegExp) {
  const project = path.join(createScratch(name), "project");
  await run("git", ["init", "--quiet", project]);
  writeFileSync(path.join(project, "Dockerfile"), `FROM ${from}\n`);
  await run("git", ["-C", project, "add", "--all"]);
  const who = ["-c", "user.name=mia", "-c", "user.email=mia@example.com"];
  await run("git", ["-C", project, ...who, "commit", "--quiet", "--message", "An image"]);
  const env = {
    ...{ HOME: folder, RENOVATE_PLATFORM: "local", RENOVATE_BASE_DIR: path.join(folder, name) },
    ...{ RENOVATE_ONBOARDING: "false", RENOVATE_X_IGNORE_RE2: "true" },
    ...{ LOG_FORMAT: "json", LOG_LEVEL: "debug", NODE_EXTRA_CA_CERTS: certificate },
  };
  const renovate = tool("renovate", { env, cwd: project });
  const before = berth.said().length;
  const { stdout } = await renovate("--dry-run=lookup");
  const asked = (): string => berth.said().slice(before);
  await waitUntil(`the log has ${expected}`, () => expected.test(asked()));
  const versions = [...stdout.matchAll(/"newVersion":"([^"]+)"/g)].map(([, version]) => version);
  return { asked: asked(), versions: [...new Set(versions)] };
}

test("Renovate finds a newer tag in the tags that Docker Hub's API lists", async () => {
  const expected = /"\/v2\/repositories\/mia\/app\/tags/;
  const { asked, versions } = await updatesOf("hub", "mia/app:1.4.0", expected);
  assert.deepEqual(versions, ["1.5.0"]);
  assert.doesNotMatch(asked, /tags\/list/, "it fell back to the registry");
});

test("Renovate finds a newer tag in the registry's tags/list", async () => {
  const expected = /"\/v2\/mia\/app\/tags\/list/;
  const { versions } = await updatesOf("registry", `${address}/mia/app:1.4.0`, expected);
  assert.deepEqual(versions, ["1.5.0"]);
});
