import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { adminPassword, startBerth } from "./support/berth.ts";
import { refusal } from "./support/command.ts";
import { startDockerd } from "./support/dockerd.ts";
import { createScratch } from "./support/scratch.ts";
import { createTarball } from "./support/tarball.ts";

const berth = await startBerth({ open: false, unset: true });
const docker = await startDockerd("dockerd");

/** The arguments of the line that Berth has printed for a docker command. */
function printed(command: string): readonly string[] {
  const line = new RegExp(`^  docker (${command} .*)$`, "m").exec(berth.said())?.[1];
  return line?.split(" ") ?? assert.fail(`Berth has printed no docker ${command}`);
}

test("the lines that a first start prints work as they are, beginning with the one that sets the password", async () => {
  const rootfs = path.join(createScratch("rootfs"), "rootfs.tar");
  writeFileSync(rootfs, createTarball([{ path: "notes", content: "in place of the real one\n" }]));
  const [, pulled = ""] = printed("pull");
  await docker("import", rootfs, pulled); // what would come from the internet
  await docker(...printed("tag"));
  assert.match(await refusal(docker(...printed("push"))), /denied/);

  const login = [...printed("login"), "--password-stdin"];
  const early = docker.reading(adminPassword)(...login);
  assert.match(await refusal(early), /admin has no password yet.*berth user password admin/);
  assert.match(berth.said(), /^ {2}berth user password admin --data \S+$/m);
  await berth.administer(["user", "password", "admin"], `${adminPassword}\n`);
  const wrong = docker.reading(`${adminPassword}x`)(...login);
  assert.match(await refusal(wrong), /unauthorized: incorrect username or password/);
  const { stdout } = await docker.reading(adminPassword)(...login);
  assert.match(stdout, /Login Succeeded/);
  const pushed = await docker(...printed("push"));
  const digest = /digest: (sha256:\w+)/.exec(pushed.stdout)?.[1];
  assert.equal((await berth.manifest("admin/alpine", "latest")).digest, digest);
});
