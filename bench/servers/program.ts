import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { statusOf } from "../support/health.ts";

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunningServer {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly pid: number;
  /** The time from the spawn to the first response on /v2/. */
  readonly startMs: number;
  readonly stop: () => Promise<void>;
}

/** A server to measure: Berth or a peer. */
export interface Server {
  readonly name: string;
  readonly version: string;
  /** A static file server. It accepts no pushes, and its start time and memory are not compared. */
  readonly limit?: true;
  /** Berth, in which the probe runs (`berth-probe.mjs`). */
  readonly probed?: true;
  /** The command of the server. It writes its files into the empty `folder`. `watched` loads the probe (`berth-probe.mjs`). */
  readonly program: (folder: string, port: number, watched: boolean) => Program;
  /** The same server with accounts, and the password of `admin`. */
  readonly guarded?: { readonly server: Server; readonly secret: string };
}

const usualPatienceMs = 30_000;
const asksEveryMs = 2;

/** Resolves when the server answers. Its output is written to `server.log` in `folder`. */
export async function startServer(
  server: Server,
  folder: string,
  { watched = false, patienceMs = usualPatienceMs } = {},
): Promise<RunningServer> {
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const { command, args, env } = server.program(folder, port, watched);
  const log = path.join(folder, "server.log");
  const output = openSync(log, "a");
  const begunAtMs = performance.now();
  const child = spawn(command, args, {
    cwd: folder,
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  const ended = once(child, "exit");
  const stop = async (): Promise<void> => {
    const patience = setTimeout(() => child.kill("SIGKILL"), patienceMs);
    if (child.exitCode === null) child.kill("SIGTERM");
    await ended;
    clearTimeout(patience);
  };
  // A server with accounts answers 401.
  while (![200, 401].includes(await statusOf(`http://${host}/v2/`))) {
    if (child.exitCode !== null || performance.now() - begunAtMs > patienceMs) {
      await stop();
      throw new Error(`${server.name} did not start:\n${readFileSync(log, "utf8")}`);
    }
    await pause(asksEveryMs);
  }
  return { host, pid: child.pid ?? 0, startMs: performance.now() - begunAtMs, stop };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
