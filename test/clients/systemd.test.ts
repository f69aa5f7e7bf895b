import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { run } from "./support/command.ts";
import { atEnd, createScratch, endProcess, untilReady } from "./support/scratch.ts";

/*
 * Tests the units in deploy/systemd. No systemd runs here: `systemd-analyze` reads the units, and strace lists the
 * system calls of a server, which the unit must allow.
 */

const root = path.join(import.meta.dirname, "../..");
const units = path.join(root, "deploy/systemd");
const folder = createScratch("systemd");
const read = (name: string): string => readFileSync(path.join(units, name), "utf8");

/** Copies a unit with a program that exists on this machine. Returns the file. */
function copyUnit(name: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, read(name).replaceAll("/usr/local/bin/berth", process.execPath));
  return file;
}

test("systemd-analyze verify finds no mistake in the units", async () => {
  const names = ["berth.service", "berth.socket", "berth-backup.service", "berth-backup.timer"];
  const { stdout, stderr } = await run("systemd-analyze", [
    ...["verify", "--man=no", "--recursive-errors=no"],
    ...names.map((name) => copyUnit(name)),
  ]);
  assert.equal(stdout + stderr, "");
});

test("systemd-analyze security rates the exposure of the service at 1.3 of 10 or better", async () => {
  const args = ["security", "--offline=true", "--no-pager", "--threshold=13"];
  const { stdout } = await run("systemd-analyze", [...args, copyUnit("berth.service")]);
  assert.match(stdout, /Overall exposure level for berth\.service: (?:0\.\d|1\.[0-3]) OK/);
});

/** The values of all lines with this key in the section Service. */
const valuesOf = (key: string): string[] =>
  [...read("berth.service").matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map(
    ([, value = ""]) => value,
  );

/** The system calls that the filters of the unit allow. */
async function allowedCalls(): Promise<Set<string>> {
  const { stdout } = await run("systemd-analyze", ["syscall-filter", "--no-pager"]);
  const groups = new Map<string, string[]>();
  for (const block of stdout.split(/\n(?=@)/)) {
    const [name = "", ...members] = block.split("\n").map((line) => line.trim());
    groups.set(
      name,
      members.filter((member) => /^[@\w]/.test(member)),
    );
  }
  const expand = (name: string): string[] =>
    name.startsWith("@") ? (groups.get(name) ?? assert.fail(name)).flatMap(expand) : [name];
  const allowed = new Set(expand("@default"));
  for (const filter of valuesOf("SystemCallFilter")) {
    const isDenied = filter.startsWith("~");
    for (const call of filter.replace("~", "").split(" ").flatMap(expand))
      if (isDenied) allowed.delete(call);
      else allowed.add(call);
  }
  return allowed;
}

test("the service's filter allows the system calls of a server that takes a push and serves a pull", async () => {
  const [log, calls] = [path.join(folder, "log"), path.join(folder, "calls")];
  const output = openSync(log, "w");
  const serve = ["serve", "--open", "--data", path.join(folder, "data"), "--listen", "127.0.0.1:0"];
  const program = [process.execPath, path.join(root, "dist/main.js"), ...serve];
  const child = spawn("strace", ["-f", "-c", "-S", "name", "-o", calls, ...program], {
    ...{ cwd: folder, stdio: ["ignore", output, output] },
    env: { PATH: process.env["PATH"], TMPDIR: folder },
  });
  closeSync(output);
  const tracer = child.pid ?? assert.fail("strace could not be started");
  atEnd(async () => void (await endProcess(tracer)));
  const listening = /listens on (http:\S+)/;
  await untilReady(child, log, () => listening.test(readFileSync(log, "utf8")));
  const url = listening.exec(readFileSync(log, "utf8"))?.[1] ?? "";

  const file = path.join(folder, "layer");
  writeFileSync(file, Buffer.alloc(3_000_000, "layer"));
  const image = `${new URL(url).host}/team/app:1`;
  await run("crane", ["append", "--new_layer", file, "--new_tag", image]);
  await run("crane", ["pull", image, path.join(folder, "image.tar")]);
  assert.equal((await fetch(url)).status, 200);
  // strace ignores SIGTERM until its program has ended.
  const children = readFileSync(`/proc/${tracer}/task/${tracer}/children`, "utf8");
  const ended = new Promise((resolve) => child.once("exit", resolve));
  process.kill(Number(children.trim()), "SIGTERM");
  await ended;

  const used = readFileSync(calls, "utf8")
    .split("\n")
    .flatMap((line) => /^\s*[\d.]+\s.*\s([a-z]\w+)$/.exec(line)?.[1] ?? [])
    .filter((name) => name !== "total");
  assert.ok(used.includes("fsync") || used.includes("fdatasync"), used.join(" "));
  const allowed = await allowedCalls();
  // SQLite calls fchown only as root.
  assert.deepEqual(
    used.filter((name) => !allowed.has(name) && name !== "fchown"),
    [],
  );
});

test("the example of /etc/berth/berth.yaml is valid and has the folder of the service", async () => {
  const file = path.join(folder, "berth.yaml");
  const state = path.join(folder, "state");
  mkdirSync(state);
  const text = read("berth.yaml");
  assert.match(text, new RegExp(`^data: /var/lib/${valuesOf("StateDirectory").join()}$`, "m"));
  writeFileSync(file, text.replace("/var/lib/berth", state));
  const args = [path.join(root, "dist/main.js"), "config", "check", "--config", file];
  await run(process.execPath, args);
});
