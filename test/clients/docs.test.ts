import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { adminPassword, startBerth } from "./support/berth.ts";
import { attempt, run } from "./support/command.ts";
import { writeContainersSettings } from "./support/containers-settings.ts";
import { startDockerd } from "./support/dockerd.ts";
import { writeOciLayout } from "./support/oci-layout.ts";
import { atEnd, createScratch, endProcess, untilReady } from "./support/scratch.ts";
import { createSmallImage } from "./support/small-image.ts";

/*
 * Runs the command blocks of the documentation: those that begin with `sh test` one after the other, and those with
 * `sh test server` until the end of the page. A comment `<!-- test: COMMAND -->` prepares what a page expects. Each page has an
 * empty folder. Only these things are different from what a reader types: the port, the folders /etc/berth, /mnt and /srv, and
 * passwords come from the standard input.
 */

const root = path.join(import.meta.dirname, "../..");
const pages = readdirSync(path.join(root, "docs")).filter((name) => name.endsWith(".md"));

interface Block {
  readonly isServer: boolean;
  readonly line: number;
  readonly text: string;
}

function blocksOf(page: string): Block[] {
  const text = readFileSync(path.join(root, "docs", page), "utf8");
  const blocks = /^```sh test( server)?\n([^]*?)^```$|^<!-- test: (.*) -->$/gm;
  return [...text.matchAll(blocks)].map((match) => ({
    isServer: match[1] !== undefined,
    line: text.slice(0, match.index).split("\n").length,
    text: match[2] ?? `${match[3]}\n`,
  }));
}

/** A free port that no other program of the machine gets from the system meanwhile: below those for connections. */
async function freePort(): Promise<number> {
  const port = randomInt(10_000, 30_000);
  const server = net.createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return await freePort();
  }
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The engine pulls `alpine` from this registry, because the machine reaches no other one. */
const hub = await startBerth();
const docker = await startDockerd("dockerd", [`http://${hub.host}`]);
const layout = path.join(createScratch("layout"), "alpine");
writeOciLayout(layout, "latest", createSmallImage());
await run("skopeo", [
  ...["copy", "--all", "--insecure-policy", "--dest-tls-verify=false", `oci:${layout}:latest`],
  `docker://${hub.host}/library/alpine:latest`,
]);

/** Programs that ask for a password get it from the standard input. */
const prelude = `set -euo pipefail
berth() { node ${path.join(root, "dist/main.js")} "$@" <<< "$PASSWORD"; }
with_password() {
  local program=$1
  shift
  case " $* " in
    *" login "*) command "$program" "$@" --password-stdin <<< "$PASSWORD" ;;
    *) command "$program" "$@" ;;
  esac
}
docker() { with_password docker "$@"; }
skopeo() { with_password skopeo "$@"; }
crane() { with_password crane "$@"; }
`;

for (const page of pages) {
  const blocks = blocksOf(page);
  if (blocks.length === 0) continue;
  test(`the command blocks of docs/${page} run in their order in an empty folder`, async () => {
    const folder = createScratch(page.replace(".md", ""));
    const home = path.join(folder, "home");
    const at = path.join(folder, "work");
    for (const each of [home, at]) mkdirSync(each);
    for (const each of ["etc/berth", "mnt", "srv"])
      mkdirSync(path.join(folder, each), { recursive: true });
    const port = await freePort();
    const env = {
      ...writeContainersSettings(home),
      BERTH_LISTEN: `127.0.0.1:${port}`,
      BERTH_HOST: `localhost:${port}`,
      PASSWORD: adminPassword,
      DOCKER_HOST: docker.socket,
      PATH: `${path.dirname(process.execPath)}:${process.env["PATH"]}`,
    };
    const scriptOf = ({ text, line }: Block): string => {
      const file = path.join(folder, `line-${line}.sh`);
      const here = text
        .replaceAll("localhost:5000", `localhost:${port}`)
        .replaceAll(/(?<= )\/(?:etc\/berth|mnt|srv)\//g, `${folder}$&`);
      writeFileSync(file, prelude + here);
      return file;
    };
    // A page without a block that starts a server begins on a folder that a server has made.
    const own = blocks.some(({ isServer }) => isServer);
    if (!own) await startServer({ isServer: true, line: 0, text: "berth serve\n" });
    for (const block of blocks) {
      if (block.isServer) await startServer(block);
      else {
        const { code, stdout, stderr } = await attempt("bash", [scriptOf(block)], { cwd: at, env });
        assert.equal(code, 0, `docs/${page}:${block.line}\n${block.text}\n${stdout}${stderr}`);
      }
    }

    async function startServer(block: Block): Promise<void> {
      const log = path.join(folder, "log");
      const output = openSync(log, "w");
      const child = spawn("bash", [scriptOf(block)], {
        ...{ cwd: at, detached: true, stdio: ["ignore", output, output] },
        env: { TMPDIR: folder, LC_ALL: "C.UTF-8", ...env },
      });
      closeSync(output);
      const { pid } = child;
      assert.ok(pid, "bash could not be started");
      atEnd(async () => {
        if (child.exitCode === null) process.kill(-pid, "SIGTERM");
        await endProcess(pid);
      });
      await untilReady(child, log, () => readFileSync(log, "utf8").includes("listens on http"));
    }
  });
}
