import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { before, test } from "node:test";
import { adminPassword } from "./support/berth.ts";
import { run, type Output } from "./support/command.ts";
import { startDockerd } from "./support/dockerd.ts";
import { busyboxFiles } from "./support/platform-index.ts";
import { createScratch } from "./support/scratch.ts";
import { createTarball } from "./support/tarball.ts";

/*
 * Tests the unchanged Dockerfile and docker-compose.yml on a real engine. The machine can't pull images, so that the
 * test builds the base images: Debian from debootstrap with this machine's Node, and the S3 server on top of busybox.
 */

const root = path.join(import.meta.dirname, "../..");
const folder = createScratch("compose");
const docker = await startDockerd("dockerd");
const patience = { timeoutSeconds: 1_200 };

/** The base image that the Dockerfile names. */
const base = `node:${/^ARG NODE=(\d+)$/m.exec(readFileSync(path.join(root, "Dockerfile"), "utf8"))?.[1]}-bookworm`;
const s3Image =
  /image: (versity\/\S+)/.exec(readFileSync(path.join(root, "docker-compose.yml"), "utf8"))?.[1] ??
  "";

async function makeBaseImages(): Promise<void> {
  const slim = path.join(folder, "slim");
  const packages = "--include=ca-certificates,libstdc++6";
  const mirror = "http://deb.debian.org/debian";
  await run("debootstrap", ["--variant=minbase", packages, "bookworm", slim, mirror], patience);
  const inSlim = (...parts: string[]): string => path.join(slim, ...parts);
  cpSync(process.execPath, inSlim("usr/bin/node"));
  const { stdout } = await run("npm", ["root", "--global"]);
  cpSync(path.join(stdout.trim(), "npm"), inSlim("usr/lib/node_modules/npm"), { recursive: true });
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", inSlim("usr/bin/npm"));
  const headers = path.join(path.dirname(process.execPath), "../include/node");
  cpSync(headers, inSlim("usr/include/node"), { recursive: true });
  // The certificates that this machine trusts when it downloads packages.
  const certificates = "etc/ssl/certs/ca-certificates.crt";
  cpSync(`/${certificates}`, inSlim(certificates));
  writeFileSync(inSlim("root/.npmrc"), `nodedir=/usr\ncafile=/${certificates}\n`);
  const archive = path.join(folder, "slim.tar");
  await run("tar", ["-C", slim, "-cf", archive, "."], patience);
  await docker("import", archive, `${base}-slim`);

  const compilers = path.join(folder, "compilers");
  mkdirSync(compilers);
  writeFileSync(
    path.join(compilers, "Dockerfile"),
    `FROM ${base}-slim\nRUN apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 make g++\n`,
  );
  await docker("build", "--quiet", "--network", "host", "--tag", base, compilers);
}

async function makeS3Image(): Promise<void> {
  const { stdout } = await run("sh", ["-c", "command -v versitygw"]);
  const archive = path.join(folder, "s3.tar");
  const program = readFileSync(stdout.trim());
  const links = ["mkdir", "nc"].map((name) => ({ path: `bin/${name}`, link: "busybox" }));
  const versitygw = { path: "usr/local/bin/versitygw", content: program, mode: 0o755 };
  const folders = ["usr/", "usr/local/", "usr/local/bin/"].map((name) => ({
    path: name,
    folder: true as const,
  }));
  writeFileSync(archive, createTarball([...busyboxFiles(), ...links, ...folders, versitygw]));
  await docker("import", "--change", "ENV PATH=/usr/local/bin:/bin", archive, s3Image);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

before(
  async () => {
    await makeBaseImages();
    await makeS3Image();
    await docker("build", "--network", "host", "--tag", "berth", root);
  },
  { timeout: 1_500_000 },
);

async function untilAnswers(url: string): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    // The engine's proxy accepts connections before the registry listens, and may never answer them.
    const signal = AbortSignal.timeout(2_000);
    const answer = await fetch(url, { signal }).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`${url} does not answer`);
}

for (const [driver, profile] of [
  ["filesystem", []],
  ["s3", ["--profile", "s3"]],
] as const) {
  test(`docker-compose with ${driver} starts a registry that keeps a pushed image after down and up`, async () => {
    const port = await freePort();
    const project = `berth-${driver}`;
    const compose = (...args: string[]): Promise<Output> =>
      run("docker-compose", ["--project-name", project, ...profile, ...args], {
        cwd: root,
        timeoutSeconds: 300,
        env: {
          DOCKER_HOST: docker.socket,
          BERTH_PORT: String(port),
          BERTH_STORAGE_DRIVER: driver,
          BERTH_AUTH_ADMIN_PASSWORD: adminPassword,
        },
      });
    const url = `http://127.0.0.1:${port}`;
    const image = `127.0.0.1:${port}/compose/app:1`;
    const layer = createTarball([
      ...busyboxFiles(),
      { path: "greeting", content: `from ${driver}\n` },
    ]);
    const archive = path.join(folder, `${driver}.tar`);
    writeFileSync(archive, layer);
    await docker("import", "--change", 'CMD ["/bin/cat", "/greeting"]', archive, image);
    try {
      await compose("up", "--detach");
      await untilAnswers(`${url}/readyz`);
      await assert.rejects(docker("push", image), /denied|unauthorized|authentication required/);
      await docker.reading(adminPassword)("login", "-u", "admin", "--password-stdin", url);
      await docker("push", image);
      const container = (await compose("ps", "--quiet", "registry")).stdout.trim();
      const format = "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.Config.StopSignal}}";
      const { stdout } = await docker("inspect", "--format", format, container);
      assert.equal(stdout.trim(), "1000:1000 true SIGTERM");

      await compose("down");
      await docker("rmi", image);
      await compose("up", "--detach");
      await untilAnswers(`${url}/readyz`);
      await docker("pull", image);
      const ran = await docker("run", "--rm", "--network", "none", image);
      assert.equal(ran.stdout, `from ${driver}\n`);
      const again = (await compose("ps", "--quiet", "registry")).stdout.trim();
      for (let tries = 0; ; tries += 1) {
        const health = await docker("inspect", "--format", "{{.State.Health.Status}}", again);
        if (health.stdout.trim() === "healthy") break;
        assert.ok(tries < 60, `it is ${health.stdout.trim()}`);
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
      const ended = Date.now();
      await compose("stop", "registry");
      const state = await docker("inspect", "--format", "{{.State.ExitCode}}", again);
      assert.equal(
        state.stdout.trim(),
        "0",
        `it did not end by itself in ${Date.now() - ended} ms`,
      );
    } finally {
      await compose("down", "--volumes");
    }
  });
}

test("the image has berth on the PATH, a user that is not root, and labels of OCI", async () => {
  const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
    readonly version: string;
  };
  const printed = await docker(
    ...["run", "--rm", "--network", "none", "--entrypoint", "berth", "berth", "--version"],
  );
  assert.equal(printed.stdout, `${version}\n`);
  const { stdout } = await docker("inspect", "berth");
  const [image] = JSON.parse(stdout) as {
    readonly Config: { readonly User: string; readonly Labels: Record<string, string> };
  }[];
  assert.equal(image?.Config.User, "1000:1000");
  const names = ["title", "description", "licenses", "version", "revision"];
  assert.deepEqual(
    Object.keys(image.Config.Labels).toSorted(),
    names.map((name) => `org.opencontainers.image.${name}`).toSorted(),
  );
});
