/**
 * What the metrics, the log of requests and the traces cost: the processor time and the rate of manifest GETs and of
 * pushes with and without them. One server runs for each setting; in each round all do the same work at the same time, so
 * that other work on the machine affects all alike, or one after the other. Exits with 1 if a median is `mostCost` or more.
 */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { createImage, manifestType } from "./client/image.ts";
import { createBerth } from "./servers/berth.ts";
import { startServer, type RunningServer } from "./servers/program.ts";
import { runNanosecondsOf } from "./support/processes.ts";
import { formatTable, medianOf } from "./support/table.ts";
import { small } from "./workload/seeded.ts";
import { runClient, runWrk } from "./workload/work.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "25" },
    /** One server after the other, on a quiet machine: servers that share the caches of a core take longer for all. */
    turns: { type: "boolean", default: false },
    /** The names of works, separated by commas. */
    only: { type: "string", default: "manifest,push" },
    /** A folder with another build, `dist` and `node_modules`: the commit before the metrics, which cannot be switched off. */
    before: { type: "string" },
  },
});
const rounds = Number(options.rounds);
const mostCost = 0.03;
const images = 400;

interface Setting {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  readonly build?: string;
  /** The setting that it is compared with. */
  readonly beside?: string;
}

interface Measured {
  /** Processor time of the server per request or image, in nanoseconds. */
  readonly cpuNs: number;
  readonly perSecond: number;
}

const root = mkdtempSync(path.join(tmpdir(), "berth-bench-"));
const createFolder = (name: string): string => mkdtempSync(path.join(root, `${name}-`));
const collector = createServer((request, response) => {
  request.resume().on("end", () => response.end("{}"));
}).listen(0, "127.0.0.1");
const endpoint = (): string =>
  `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`;

const settingsOf = (before: string | undefined): readonly Setting[] => {
  const env = { BERTH_LOG_LEVEL: "info" };
  return [
    { name: "none", env, ...(before !== undefined && { beside: "before" }) },
    { name: "log.requests", env: { ...env, BERTH_LOG_REQUESTS: "true" }, beside: "none" },
    { name: "traces", env: { ...env, BERTH_TRACING_ENDPOINT: endpoint() }, beside: "none" },
    ...(before === undefined ? [] : [{ name: "before", env, build: before }]),
  ];
};

const image = createImage(small.seed, small.layerBytes);

async function measureManifests({ host, pid }: RunningServer): Promise<Measured> {
  let beganAtNs = 0;
  const seconds = 2;
  const { value, failures } = await runWrk(
    `http://${host}/v2/${small.repository}/manifests/${small.tag}`,
    {
      ...{ connections: 16, seconds, accept: manifestType, bodyBytes: image.manifest.length },
      onWarm: () => (beganAtNs = runNanosecondsOf(pid)),
    },
  );
  demandNone(failures);
  return { cpuNs: (runNanosecondsOf(pid) - beganAtNs) / (value * seconds), perSecond: value };
}

async function measurePushes({ host, pid }: RunningServer, turn: string): Promise<Measured> {
  const beganAtNs = runNanosecondsOf(pid);
  const given = { host, repository: `bench/push-${turn}`, seed: turn, images };
  const pushed = await runClient("pushSmall", {
    ...given,
    writers: 8,
    repositories: 8,
    way: "put",
  });
  demandNone(pushed.failures);
  const perSecond = pushed.amount / pushed.seconds;
  return { cpuNs: (runNanosecondsOf(pid) - beganAtNs) / images, perSecond };
}

function demandNone(failures: readonly string[]): void {
  if (failures.length > 0) throw new Error(failures.join("; "));
}

/** The median of the ratios, and the interval that contains the true one in 95 % of all runs (by their ranks). */
function describe(ratios: readonly number[]): { readonly median: number; readonly text: string } {
  const sorted = ratios.toSorted((one, other) => one - other);
  const away = 0.98 * Math.sqrt(sorted.length);
  const low = sorted[Math.max(0, Math.floor(sorted.length / 2 - away))] ?? NaN;
  const high = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length / 2 + away))] ?? NaN;
  const percent = (ratio: number): string => `${(100 * (ratio - 1)).toFixed(1)} %`;
  const median = medianOf(sorted);
  return { median, text: `${percent(median)} (${percent(low)} … ${percent(high)})` };
}

async function inTurn<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

const works = { manifest: measureManifests, push: measurePushes } as const;
const only = options.only.split(",");
const servers = new Map<string, RunningServer>();

async function startAll(settings: readonly Setting[]): Promise<void> {
  for (const { name, env, build } of settings) {
    const server = createBerth({
      ...{ programFolder: createFolder("program"), nodeOptions: [], serveOptions: [], env },
      ...(build !== undefined && { build: path.resolve(build) }),
    });
    const running = await startServer(server, createFolder("data"));
    servers.set(name, running);
    demandNone((await runClient("seedImage", { host: running.host, ...small })).failures);
  }
}

try {
  await once(collector, "listening");
  const settings = settingsOf(options.before);
  await startAll(settings);
  const rows: string[][] = [];
  let isCostly = false;
  for (const [work, measure] of Object.entries(works)) {
    if (!only.includes(work)) continue;
    const seen: Map<string, Measured>[] = [];
    // The first round warms the servers up.
    for (let round = 0; round <= rounds; round += 1) {
      const order = round % 2 === 0 ? [...servers] : [...servers].toReversed();
      const measureOne = async ([name, running]: readonly [string, RunningServer]) =>
        [name, await measure(running, `${round}`)] as const;
      const all = new Map(
        options.turns ? await inTurn(order, measureOne) : await Promise.all(order.map(measureOne)),
      );
      if (round > 0) seen.push(all);
    }
    for (const { name, beside } of settings) {
      if (beside === undefined) continue;
      const ratiosOf = (of: (measured: Measured) => number): readonly number[] =>
        seen.flatMap((round) => {
          const [one, other] = [round.get(name), round.get(beside)];
          return one === undefined || other === undefined ? [] : [of(one) / of(other)];
        });
      const cpu = describe(ratiosOf(({ cpuNs }) => cpuNs));
      const rate = describe(ratiosOf(({ perSecond }) => perSecond));
      const most = medianOf(seen.map((round) => round.get(name)?.cpuNs ?? NaN)) / 1_000;
      rows.push([work, `${name} / ${beside}`, cpu.text, rate.text, `${most.toFixed(1)} µs`]);
      if (!(cpu.median < 1 + mostCost)) isCostly = true;
    }
  }
  const heads = ["work", "setting", "processor time", "rate", "processor time of one"];
  console.log(formatTable(heads, rows));
  if (isCostly) process.exitCode = 1;
} finally {
  for (const running of servers.values()) await running.stop();
  collector.close().closeAllConnections();
  rmSync(root, { recursive: true, force: true });
}
