import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { adminPassword, isReplicated, startBerth, testOnOneServer } from "./support/berth.ts";
import { refusal, run, tool } from "./support/command.ts";
import { writeContainersSettings } from "./support/containers-settings.ts";
import { startDockerd } from "./support/dockerd.ts";
import { createScratch } from "./support/scratch.ts";
import { createTarball } from "./support/tarball.ts";

const berth = await startBerth({ open: false, unset: true });
const docker = await startDockerd("dockerd");

/** The arguments of the docker command that Berth printed at its start. */
function printed(command: string): readonly string[] {
  const line = new RegExp(`^  docker (${command} .*)$`, "m").exec(berth.said())?.[1];
  return line?.split(" ") ?? assert.fail(`Berth has printed no docker ${command}`);
}

test("the commands that a first start prints set the admin password, log docker in and push an image", async () => {
  const rootfs = path.join(createScratch("rootfs"), "rootfs.tar");
  writeFileSync(rootfs, createTarball([{ path: "notes", content: "in place of the real one\n" }]));
  const [, pulled = ""] = printed("pull");
  await docker("import", rootfs, pulled); // stands for the image on Docker Hub
  await docker(...printed("tag"));
  assert.match(await refusal(docker(...printed("push"))), /denied/);

  const login = [...printed("login"), "--password-stdin"];
  const early = docker.reading(adminPassword)(...login);
  assert.match(await refusal(early), /admin has no password yet.*berth user password admin/);
  const [command] = /^ {2}berth user password admin.*$/m.exec(berth.said()) ?? [];
  assert.match(command ?? "", isReplicated ? /admin$/ : /admin --data \S+$/);
  await berth.administer(["user", "password", "admin"], `${adminPassword}\n`);
  const wrong = docker.reading(`${adminPassword}x`)(...login);
  assert.match(await refusal(wrong), /unauthorized: incorrect username or password/);
  const { stdout } = await docker.reading(adminPassword)(...login);
  assert.match(stdout, /Login Succeeded/);
  const pushed = await docker(...printed("push"));
  const digest = /digest: (sha256:\w+)/.exec(pushed.stdout)?.[1];
  assert.equal((await berth.manifest("admin/alpine", "latest")).digest, digest);
});

testOnOneServer(
  "curl, crane and skopeo reach a registry on 127.0.0.1 as localhost when ::1 is its first address",
  async () => {
    const [first] = (await run("getent", ["ahosts", "localhost"])).stdout.split(/\s/);
    assert.equal(first, "::1");
    const host = `localhost:${berth.host.split(":")[1]}`;
    const { stdout } = await run("curl", ["--silent", "--include", `http://${host}/v2/`]);
    assert.ok(stdout.includes(`realm="http://${host}/token"`), stdout);

    const home = createScratch("home");
    const image = `${host}/admin/alpine:latest`;
    const { digest } = await berth.manifest("admin/alpine", "latest");
    const crane = tool("crane", { env: { HOME: home, DOCKER_CONFIG: home } }, ["--insecure"]);
    const login = ["login", "-u", "admin", "--password-stdin"];
    await crane.reading(adminPassword)("auth", ...login, host);
    assert.equal((await crane("digest", image)).stdout.trim(), digest);

    const skopeo = tool("skopeo", { env: writeContainersSettings(home) });
    await skopeo.reading(adminPassword)(...login, "--tls-verify=false", host);
    const inspect = [
      "inspect",
      "--tls-verify=false",
      "--format",
      "{{.Digest}}",
      `docker://${image}`,
    ];
    assert.equal((await skopeo(...inspect)).stdout.trim(), digest);
  },
);
