import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { after } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createWire, type Wire } from "../../crash/wire.ts";
import { newPath } from "./scratch.ts";

const root = path.join(import.meta.dirname, "../../..");
/** The program under test. FAULTS_PROGRAM names another build. */
const program = process.env["FAULTS_PROGRAM"] ?? path.join(root, "dist/main.js");
const startsWithinMs = 30_000;

export interface Berth {
  readonly pid: number;
  readonly url: string;
  readonly wire: Wire;
  readonly startMs: number;
  /** The output and the log of the process. */
  log(): string;
  alive(): boolean;
  /** Sends SIGKILL and waits for the end of the process. */
  kill(): Promise<void>;
  /** Sends SIGTERM. The exit code must be 0. */
  stop(): Promise<void>;
  /** Stops all threads after their current system call. Nothing is flushed. */
  freeze(): Promise<void>;
}

/**
 * Starts the built program on a folder. Of the `BERTH_…` variables it gets only those in `env`. `through`: a command
 * that executes its further arguments, such as `prlimit --nofile=64`.
 */
export async function startBerth(
  data: string,
  {
    env = {},
    through = [],
  }: { readonly env?: NodeJS.ProcessEnv; readonly through?: readonly string[] } = {},
): Promise<Berth> {
  const serve = [program, "serve", "--open", "--data", data, "--listen", "127.0.0.1:0"];
  const [command = process.execPath, ...args] = [...through, process.execPath, ...serve];
  const logFile = newPath("log");
  const output = openSync(logFile, "w");
  const before = performance.now();
  const child = spawn(command, args, {
    env: { ...inherited(), BERTH_LOG_LEVEL: "warn", ...env },
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  after(() => child.kill("SIGKILL"));
  const ended = once(child, "exit");
  const log = (): string => readFileSync(logFile, "utf8");
  const alive = (): boolean => child.exitCode === null && child.signalCode === null;

  let url: string | undefined;
  while (url === undefined) {
    url = /listens on (http:\/\/[^\s"]+)/.exec(log())?.[1];
    if (!alive()) throw new Error(`Berth did not start: ${log()}`);
    if (performance.now() - before > startsWithinMs) throw new Error(`no start: ${log()}`);
    if (url === undefined) await pause(10);
  }
  const startMs = performance.now() - before;
  const wire = createWire(url);
  const pid = child.pid ?? 0;

  return {
    ...{ pid, url, wire, startMs, log, alive },
    async kill() {
      assert.ok(alive(), `it had ended before: ${log().slice(-2000)}`);
      child.kill("SIGKILL");
      await ended;
      wire.close();
    },
    async stop() {
      wire.close();
      child.kill("SIGTERM");
      const [code, signal] = (await ended) as [number | null, string | null];
      assert.equal(code, 0, `ended with ${code ?? signal}: ${log().slice(-2000)}`);
    },
    async freeze() {
      child.kill("SIGSTOP");
      while (!threadsOf(pid).every((state) => state === "T")) await pause(1);
    },
  };
}

/** Runs another command of the program to its end. Resolves with its exit code and its output. */
export async function berthCommand(
  ...args: readonly string[]
): Promise<{ readonly code: number | null; readonly printed: string }> {
  const child = spawn(process.execPath, [program, ...args], {
    env: inherited(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, printed };
}

const inherited = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("BERTH_")));

/** The state of each thread as a letter of proc_pid_stat(5): R, S, D, T. */
function threadsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2)[0] ?? "";
  });
}
