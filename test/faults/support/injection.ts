import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { after } from "node:test";
import type { Berth } from "./berth.ts";
import { newPath } from "./scratch.ts";

/** The ids of the threads of a server that write files. The server must run with UV_THREADPOOL_SIZE=1. */
export interface Threads {
  /** The thread of libuv's thread pool. */
  readonly files: number;
  readonly smallFiles: number;
  readonly database: number;
}

interface Trace {
  /** Detaches strace from the process, and resolves with the lines of the trace. */
  end(): Promise<readonly string[]>;
}

/** Traces the system calls of a running process or thread. */
export async function trace(id: number, ...options: readonly string[]): Promise<Trace> {
  const output = newPath("trace");
  const child = spawn("strace", ["-p", String(id), "-o", output, ...options], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  after(() => child.kill("SIGTERM"));
  const ended = once(child, "exit");
  let told = "";
  child.stderr.setEncoding("utf8");
  while (!told.includes("attached")) {
    const [more] = (await Promise.race([once(child.stderr, "data"), ended])) as unknown[];
    if (typeof more !== "string") throw new Error(`strace: ${told}`);
    told += more;
  }
  return {
    async end() {
      child.kill("SIGTERM");
      await ended;
      return (await readFile(output, "utf8")).split("\n");
    },
  };
}

/** Finds the threads that flush files during `work`. */
export async function findThreads({ pid }: Berth, work: () => Promise<unknown>): Promise<Threads> {
  const tracing = await trace(pid, "-f", "-y", "-e", "trace=fsync");
  await work();
  const lines = await tracing.end();
  const threadOf = (file: RegExp): number => {
    const ids = new Set(lines.filter((line) => file.test(line)).map((line) => parseInt(line, 10)));
    const [id] = ids;
    assert.ok(
      id !== undefined && ids.size === 1,
      `threads that flush ${file}: ${[...ids].join(", ")}`,
    );
    return id;
  };
  return {
    files: threadOf(/\/uploads\/\w+>/),
    smallFiles: threadOf(/\/blobs\/\w+\/\w+\/\w+\.\w+>/),
    database: threadOf(/\/berth\.db-wal>/),
  };
}

/**
 * Makes call `k` of this name by the thread fail with EIO. `end` resolves with the calls that failed, without those that
 * SQLite makes in a checkpoint: no answer depends on them.
 */
export async function inject(
  thread: number,
  call: string,
  k: number,
): Promise<{
  end(): Promise<{ readonly all: readonly string[]; readonly harmful: readonly string[] }>;
}> {
  const traced = [...new Set([call, "fsync", "pwrite64"])].join(",");
  const tracing = await trace(
    thread,
    ...["-y", "-s", "0", "-e", `trace=${traced}`, "-e", `inject=${call}:error=EIO:when=${k}`],
  );
  return {
    end: async () => {
      const lines = await tracing.end();
      const all = lines.filter((line) => line.includes("(INJECTED)"));
      return { all, harmful: all.filter((line) => !isCheckpoint(lines, lines.indexOf(line))) };
    },
  };
}

/**
 * Whether a call belongs to a checkpoint: it changes berth.db itself, whose pages the WAL has too, or it flushes the WAL
 * although nothing was written to it since its last flush, as SQLite does before it copies the pages.
 */
function isCheckpoint(lines: readonly string[], at: number): boolean {
  const line = lines[at] ?? "";
  if (line.includes("/berth.db>")) return true;
  if (!/^fsync\(.*\/berth\.db-wal>/.test(line)) return false;
  const before = lines.slice(0, at).findLast((other) => other.includes("/berth.db-wal>"));
  return before?.startsWith("fsync(") ?? false;
}
