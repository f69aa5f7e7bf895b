import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { atEnd, createScratch, endProcess, untilReady } from "../../clients/support/scratch.ts";

/** A program that a test started. It is ended after the last test of the file. */
export interface Program {
  readonly pid: number;
  /** The output of the program. */
  log(): string;
  alive(): boolean;
  signal(signal: NodeJS.Signals): void;
  /** Sends the signal and waits for the end. Resolves with the exit code; `null` after a signal. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/**
 * Starts a program and waits until `isReady`; rejects with its output if it ends before that. It gets no variables but
 * PATH and `env`.
 */
export async function startProgram(
  [command, ...args]: readonly [string, ...string[]],
  {
    env = {},
    isReady,
  }: {
    readonly env?: NodeJS.ProcessEnv;
    readonly isReady: (log: () => string) => Promise<boolean> | boolean;
  },
): Promise<Program> {
  const folder = createScratch("program");
  const file = path.join(folder, "log");
  const output = openSync(file, "w");
  const child = spawn(command, args, {
    cwd: folder,
    // sweep() in environment.sh finds the processes of a run by this folder.
    env: { PATH: process.env["PATH"], SCRATCH: folder, ...env },
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} could not be started`);
  const ended = once(child, "exit") as Promise<[number | null]>;
  const alive = (): boolean => child.exitCode === null && child.signalCode === null;
  atEnd(async () => {
    // A stopped process does not handle SIGTERM.
    if (alive()) child.kill("SIGCONT");
    await endProcess(pid, { waitSeconds: 15 });
  });
  const log = (): string => readFileSync(file, "utf8");
  await untilReady(child, file, () => isReady(log));
  return {
    pid,
    log,
    alive,
    signal: (signal) => void child.kill(signal),
    async end(signal = "SIGTERM") {
      child.kill(signal);
      const [code] = await ended;
      return code;
    },
  };
}

/** Returns a port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

export async function accepts(port: number, host = "127.0.0.1"): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
