import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import process from "node:process";
import { createScratch } from "../../clients/support/scratch.ts";
import { startProgram, type Program } from "./program.ts";

/** The program under test: the built one, or a copy of another version. */
export const program = path.join(import.meta.dirname, "../../../dist/main.js");

export interface Replica extends Program {
  readonly url: string;
  readonly port: number;
}

export interface ReplicaOptions {
  /** `HOST:PORT` to listen on. */
  readonly listen: string;
  readonly env: NodeJS.ProcessEnv;
  /** A command that executes its further arguments, such as `ip netns exec NAME`. */
  readonly through?: readonly string[];
  /** Another build of the program. */
  readonly version?: string;
  /** The data folder; the default is an empty one. */
  readonly data?: string;
}

/** Starts one process of `berth serve`. */
export async function startReplica({
  listen,
  env,
  through = [],
  version = program,
  data = path.join(createScratch("replica"), "data"),
}: ReplicaOptions): Promise<Replica> {
  const serve = [process.execPath, version, "serve", "--data", data, "--listen", listen];
  const [command = "", ...args] = [...through, ...serve];
  const running = await startProgram([command, ...args], {
    env: { BERTH_LOG_LEVEL: "info", BERTH_LOG_FORMAT: "json", ...env },
    isReady: (log) => /listens on http:\/\/\S+/.test(log()),
  });
  return { ...running, url: `http://${listen}`, port: Number(listen.split(":").at(-1)) };
}

/**
 * Runs another command of the program to its end. Resolves with its exit code, its standard output, and with what it
 * printed there and as errors.
 */
export async function runBerth(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  { input = "", version = program }: { readonly input?: string; readonly version?: string } = {},
): Promise<{ readonly code: number | null; readonly stdout: string; readonly printed: string }> {
  const child = spawn(process.execPath, [version, ...args], {
    cwd: createScratch("command"),
    env: { PATH: process.env["PATH"], BERTH_LOG_LEVEL: "warn", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let [stdout, printed] = ["", ""];
  child.stdout.on("data", (text: string) => (stdout += text));
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
  child.stdin.on("error", () => undefined).end(input);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, printed };
}
