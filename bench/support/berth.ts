import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";

const root = path.join(import.meta.dirname, "../..");
const packageFile = readFileSync(path.join(root, "package.json"), "utf8");
const { bin } = JSON.parse(packageFile) as { readonly bin: { readonly berth: string } };
const program = path.join(root, bin.berth);

export interface Berth {
  readonly url: string;
  readonly pid: number;
  /** The value of `performance.now()` (ms) when the process was spawned. */
  readonly spawnedAtMs: number;
  readonly stop: () => Promise<void>;
}

export interface BerthOptions {
  readonly data: string;
  readonly nodeOptions?: readonly string[];
  /** The file of a control group that takes process ids. */
  readonly processList?: string;
  /** The URL of a PostgreSQL database for the metadata. Without it, SQLite in the data folder. */
  readonly database?: string;
}

/** Runs `berth serve --open` from `dist`, and resolves when the server listens. */
export async function startBerth(options: BerthOptions): Promise<Berth> {
  if (!existsSync(program)) throw new Error("there is no dist: npm run build");
  const { data, nodeOptions = [], processList, database } = options;
  const serve = ["serve", "--open", "--data", data, "--listen", "127.0.0.1:0"];
  const node = [process.execPath, ...nodeOptions, program, ...serve];
  // The shell joins the control group and then executes Node, so that the group counts all memory.
  const [command = "", ...args] =
    processList === undefined
      ? node
      : ["sh", "-c", 'echo $$ > "$0" && exec "$@"', processList, ...node];
  const spawnedAtMs = performance.now();
  const child = spawn(command, args, {
    env: {
      ...{ PATH: process.env["PATH"], BERTH_LOG_LEVEL: "error" },
      ...storageOf(process.env),
      ...(database !== undefined && databaseOf(database)),
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await listening(child);
  const ended = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
  };
  return { url, pid: child.pid ?? 0, spawnedAtMs, stop };
}

/** The URL that `publicUrl` would name is in no answer that is measured. */
const databaseOf = (url: string): NodeJS.ProcessEnv => ({
  BERTH_DATABASE_URL: url,
  BERTH_PUBLIC_URL: "http://127.0.0.1",
});

/** The storage settings in the environment, such as `BERTH_STORAGE_DRIVER=s3`. */
function storageOf(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const named = Object.entries(environment).filter(([key]) => key.startsWith("BERTH_STORAGE_"));
  return Object.fromEntries(named);
}

async function listening(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("no standard output");
  const early = once(child, "exit").then(() => undefined);
  let told = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (told += text));
  for (;;) {
    const url = /listens on (http:\/\/\S+)/.exec(told)?.[1];
    if (url !== undefined) return url;
    const more = await Promise.race([once(child.stdout, "data"), early]);
    if (more === undefined) throw new Error("the server ended before it listened");
  }
}

/** A line of /proc/PID/status in bytes: `VmRSS` is the current memory, `VmHWM` the peak. */
export function memoryOf(pid: number, line: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
}

/** Resets `VmHWM` to the current memory (proc(5), clear_refs). */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}
