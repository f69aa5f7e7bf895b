import { execFile } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import type { Outcome, TaskName } from "../client/tasks.ts";
import type { RunningServer, Server } from "../servers/program.ts";
import { cpuSecondsOf } from "../support/processes.ts";
import type { CpuByThread } from "../support/threads.ts";

export type Unit = "req/s" | "images/s" | "B/s" | "ms" | "B";

/** The size of the workloads. A quick run uses smaller values. */
export interface Scale {
  readonly seconds: number;
  readonly images: number;
  readonly largeBytes: number;
  readonly clients: number;
}

/** A running server, and the parameters of one measurement. */
export interface Place {
  readonly server: Server;
  readonly running: RunningServer;
  readonly scale: Scale;
  /** Unique per measurement, so that every pushed blob is new. */
  readonly turn: string;
  /** Creates an empty folder on the same file system. */
  readonly createFolder: () => string;
  /** Starts to count Berth's CPU time by thread, see {@link countCpu}. Other servers have none. */
  readonly countCpu?: (() => (images: number) => CpuByThread) | undefined;
}

export interface Measurement {
  readonly value: number;
  readonly failures: readonly string[];
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  /** CPU microseconds of the server per request, without the warm-up. */
  readonly cpuUsPerRequest?: number;
  /** CPU milliseconds per pushed image. */
  readonly cpuMsByThread?: CpuByThread;
}

export interface Work {
  readonly name: string;
  readonly title: string;
  readonly unit: Unit;
  /** Whether the workload only reads, so that a static file server can run it too. */
  readonly reads: boolean;
  /** Whether the workload starts its own server. */
  readonly alone?: true;
  /** The target for Berth: `factor` times the median of the server `of`; times and sizes must not exceed it. */
  readonly must?: { readonly factor: number; readonly of: string } | { readonly under: number };
  readonly measure: (place: Place) => Promise<Measurement>;
}

const run = promisify(execFile);
const patienceMs = 300_000;
const folder = path.join(import.meta.dirname, "..");

/** Runs the load client in a separate process. */
export async function runClient(task: TaskName, given: object): Promise<Outcome> {
  const { stdout } = await run(
    process.execPath,
    [
      "--import",
      path.join(folder, "../test/support/register.mjs"),
      path.join(folder, "load-client.ts"),
      task,
      JSON.stringify(given),
    ],
    { timeout: patienceMs },
  );
  return JSON.parse(stdout) as Outcome;
}

export const rateOf = ({ amount, seconds, failures }: Outcome): Measurement => ({
  value: amount / seconds,
  failures,
});

/** Starts to count the CPU time of a process and its descendants. The returned function gives the microseconds since then. */
export function countCpuUs(pid: number): () => number {
  const before = cpuSecondsOf(pid);
  return () => 1e6 * (cpuSecondsOf(pid) - before);
}

interface Counted {
  readonly requests: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly failures: Readonly<Record<string, number>>;
}

export interface WrkOptions {
  readonly connections: number;
  readonly seconds: number;
  readonly accept: string;
  readonly authorization?: string;
  /** The size of every response body. Fewer bytes in total are a failure. */
  readonly bodyBytes: number;
  /** The process id of the server: counts its CPU time. */
  readonly pid?: number;
  /** Called between the warm-up and the measurement. */
  readonly onWarm?: () => void;
}

/** Measures GET of one URL with wrk, after a warm-up of 1 s. */
export async function runWrk(url: string, options: WrkOptions): Promise<Measurement> {
  await wrk(url, { ...options, seconds: 1 });
  options.onWarm?.();
  const cpuUs = options.pid === undefined ? undefined : countCpuUs(options.pid);
  const { requests, seconds, bytes, p50Us, p99Us, failures } = await wrk(url, options);
  const spentUs = cpuUs?.();
  const failed = Object.entries(failures)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} of ${requests} failed: ${kind}`);
  if (requests === 0 || bytes < requests * options.bodyBytes)
    failed.push(`${bytes} bytes in ${requests} answers of ${options.bodyBytes}`);
  return {
    ...{ value: requests / seconds, failures: failed },
    ...{ p50Ms: p50Us / 1000, p99Ms: p99Us / 1000 },
    ...(spentUs !== undefined && { cpuUsPerRequest: spentUs / requests }),
  };
}

async function wrk(url: string, options: WrkOptions): Promise<Counted> {
  const { connections, seconds, accept, authorization } = options;
  const script = path.join(folder, "client/counters.lua");
  const { stdout } = await run("wrk", [
    ...["-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "-H", `Accept: ${accept}`],
    ...(authorization === undefined ? [] : ["-H", `Authorization: ${authorization}`]),
    ...["-s", script, url],
  ]);
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Counted;
}
