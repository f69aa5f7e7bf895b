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
  /** From the spawn to the first answer on /v2/. */
  readonly startMs: number;
  readonly stop: () => Promise<void>;
}

/** Something that Berth is measured against, or Berth. */
export interface Server {
  readonly name: string;
  readonly version: string;
  /** Only files: takes no pushes, and has no start or memory worth comparing. */
  readonly limit?: true;
  /** Its own files lie in `folder`, which is empty. `watched`: with whatever measures from inside. */
  readonly program: (folder: string, port: number, watched: boolean) => Program;
  /** The same with accounts; this is the secret of `admin`. */
  readonly guarded?: { readonly server: Server; readonly secret: string };
}

const usualPatienceMs = 30_000;
const asksEveryMs = 2;

/** Resolves when it answers. What it says goes to `server.log` in `folder`. */
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
  // 401 is an answer too: of a server with accounts.
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
