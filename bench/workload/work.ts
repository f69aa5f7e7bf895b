import { execFile } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import type { Outcome, TaskName } from "../client/tasks.ts";
import type { RunningServer, Server } from "../servers/program.ts";

export type Unit = "req/s" | "images/s" | "B/s" | "ms" | "B";

/** How much is done; less of everything for a quick run. */
export interface Scale {
  readonly seconds: number;
  readonly images: number;
  readonly largeBytes: number;
  readonly clients: number;
}

/** A server at work, and what is different each time. */
export interface Place {
  readonly server: Server;
  readonly running: RunningServer;
  readonly scale: Scale;
  /** Never the same twice: what is pushed is new. */
  readonly turn: string;
  /** An empty folder on the same file system. */
  readonly createFolder: () => string;
}

export interface Measurement {
  readonly value: number;
  readonly failures: readonly string[];
  readonly p50Ms?: number;
  readonly p99Ms?: number;
}

export interface Work {
  readonly name: string;
  readonly title: string;
  readonly unit: Unit;
  /** Whether it is only reading, which a server of files can do too. */
  readonly reads: boolean;
  /** Starts a server for itself. */
  readonly alone?: true;
  /** What Berth must be: so many times the median of that one; of times and sizes, at most. */
  readonly must?: { readonly factor: number; readonly of: string } | { readonly under: number };
  readonly measure: (place: Place) => Promise<Measurement>;
}

const run = promisify(execFile);
const patienceMs = 300_000;
const folder = path.join(import.meta.dirname, "..");

/** One run of the client, in its own process. */
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
  /** Bytes of the body that every answer must have. */
  readonly bodyBytes: number;
}

/** GET of one URL with wrk, after a short run that does not count. */
export async function runWrk(url: string, options: WrkOptions): Promise<Measurement> {
  await wrk(url, { ...options, seconds: 1 });
  const { requests, seconds, bytes, p50Us, p99Us, failures } = await wrk(url, options);
  const failed = Object.entries(failures)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} of ${requests} failed: ${kind}`);
  if (requests === 0 || bytes < requests * options.bodyBytes)
    failed.push(`${bytes} bytes in ${requests} answers of ${options.bodyBytes}`);
  return { value: requests / seconds, failures: failed, p50Ms: p50Us / 1000, p99Ms: p99Us / 1000 };
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
