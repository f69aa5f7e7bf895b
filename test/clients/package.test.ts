import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { before, test } from "node:test";
import { attempt, run, type Output } from "./support/command.ts";
import { atEnd, createScratch, endProcess, untilReady } from "./support/scratch.ts";
import { assertLayoutHolds, writeOciLayout } from "./support/oci-layout.ts";
import { createSmallImage } from "./support/small-image.ts";

/*
 * Tests what `npm run package` and `npm run bundle` write: installed into an empty folder, and unpacked on a machine
 * without a network.
 */

const root = path.join(import.meta.dirname, "../..");
const folder = createScratch("package");
const script = ["--import", path.join(root, "test/support/register.mjs"), "scripts/package.ts"];
let npmPackage = "";
let bundle = "";

before(
  async () => {
    const args = [...script, "--to", folder, "--bundle"];
    const { stdout } = await run(process.execPath, args, { cwd: root, timeoutSeconds: 300 });
    [npmPackage = "", bundle = ""] = stdout.trim().split("\n");
  },
  { timeout: 310_000 },
);

interface Started {
  readonly child: ChildProcess;
  readonly host: string;
}

/** Starts a server that listens on a free port, in a process group of its own. */
async function start(command: string, args: readonly string[], cwd: string): Promise<Started> {
  const log = path.join(cwd, "log");
  const output = openSync(log, "w");
  const child = spawn(command, args, {
    ...{ cwd, detached: true, stdio: ["ignore", output, output] },
    env: { PATH: process.env["PATH"], HOME: cwd, TMPDIR: folder },
  });
  closeSync(output);
  const { pid } = child;
  assert.ok(pid, `${command} could not be started`);
  atEnd(async () => {
    if (child.exitCode === null) process.kill(-pid, "SIGTERM");
    await endProcess(pid);
  });
  const listening = /listens on http:\/\/(127\.0\.0\.1:\d+)/;
  await untilReady(child, log, () => listening.test(readFileSync(log, "utf8")));
  return { child, host: listening.exec(readFileSync(log, "utf8"))?.[1] ?? "" };
}

/** Writes the native module that `npm ci` installed here as the archive that better-sqlite3's install script downloads. */
async function nativeModules(): Promise<string> {
  const modules = path.join(root, "node_modules/better-sqlite3");
  const manifest = readFileSync(path.join(modules, "package.json"), "utf8");
  const { version } = JSON.parse(manifest) as { readonly version: string };
  const system = `node-v${process.versions.modules}-${process.platform}-${process.arch}`;
  const prebuilt = path.join(folder, "prebuilt");
  mkdirSync(prebuilt);
  const archive = path.join(prebuilt, `better-sqlite3-v${version}-${system}.tar.gz`);
  await run("tar", ["-czf", archive, "-C", modules, "build/Release/better_sqlite3.node"]);
  return prebuilt;
}

test("npx berth serve starts the npm package in an empty folder, with its pages and its API", async () => {
  const empty = path.join(folder, "empty");
  mkdirSync(empty);
  await run("npm", ["install", "--no-audit", "--no-fund", npmPackage], {
    cwd: empty,
    env: { npm_config_better_sqlite3_local_prebuilds: await nativeModules() },
    timeoutSeconds: 240,
  });

  const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
    readonly version: string;
  };
  const printed = await run("npx", ["berth", "--version"], { cwd: empty });
  assert.equal(printed.stdout, `${version}\n`);

  const args = ["berth", "serve", "--open", "--data", "data", "--listen", "127.0.0.1:0"];
  const { host } = await start("npx", args, empty);

  const page = await fetch(`http://${host}/`);
  assert.match(page.headers.get("content-type") ?? "", /^text\/html/);
  const asset = /"(\/assets\/[^"]+\.js)"/.exec(await page.text())?.[1] ?? "";
  assert.equal((await fetch(`http://${host}${asset}`)).status, 200);
  assert.deepEqual(await (await fetch(`http://${host}/v2/`)).json(), {});
  const repositories = await fetch(`http://${host}/api/berth/v1/search?query=`);
  assert.equal(repositories.status, 200);
});

test("the bundle starts without a network, and crane pushes to it and pulls from it", async () => {
  const place = path.join(folder, "unpacked");
  mkdirSync(place);
  await run("tar", ["-xzf", bundle, "-C", place]);
  const unpacked = path.join(place, path.basename(bundle, ".tar.gz"));
  const serve = `ip link set lo up && exec ./berth serve --open --data ${place}/data --listen 127.0.0.1:0`;
  const { child, host } = await start("unshare", ["--net", "sh", "-c", serve], unpacked);
  const image = createSmallImage();
  writeOciLayout(path.join(place, "image"), "1", image);
  const crane = (...args: string[]): Promise<Output> =>
    run("nsenter", [`--net=/proc/${child.pid}/ns/net`, "crane", ...args], { cwd: place });
  await crane("push", "image", `${host}/team/app:1`);
  await crane("pull", "--format=oci", `${host}/team/app:1`, "pulled");
  assertLayoutHolds(path.join(place, "pulled"), image);
});

test("the starter of the bundle says which Node it needs if there is none, or an older one", async () => {
  const place = createScratch("starter");
  await run("tar", ["-xzf", bundle, "-C", place]);
  const starter = path.join(place, path.basename(bundle, ".tar.gz"), "berth");
  const programs = path.join(place, "bin");
  mkdirSync(programs);
  await run("ln", ["-s", "/usr/bin/readlink", programs]);
  const started = (): Promise<Output> =>
    attempt("/bin/sh", [starter, "--version"], { env: { PATH: programs } });
  const [major = ""] = process.versions.node.split(".");
  const needs = `Berth needs Node.js 22.14 or newer, or ${major}: https://nodejs.org/en/download`;
  const without = await started();
  assert.deepEqual(
    [without.code, without.stderr],
    [1, `berth: there is no node on the PATH. ${needs}\n`],
  );
  for (const [version, code] of [
    ["v18.20.4", 1],
    ["v20.18.0", 1],
    ["v22.13.1", major === "22" ? 0 : 1],
    ["v22.14.0", 0],
    ["v24.1.0", 0],
  ] as const) {
    writeFileSync(path.join(programs, "node"), `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
    const { stderr, code: ended } = await started();
    const message = `berth: the node on the PATH is ${version}. ${needs}\n`;
    assert.deepEqual([ended, stderr], code === 0 ? [0, ""] : [1, message]);
  }
});
