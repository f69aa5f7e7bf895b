/**
 * What the metrics, the log of requests and the traces cost: the processor time of manifest GETs with a token and of
 * pushes, with and without them. Because a machine changes from second to second, the registries with the different
 * settings take short turns in one process (`servers/switched.ts`), in alternating order. Exits with 1 if a median is
 * `mostCost` or more.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createImage, manifestType } from "./client/image.ts";
import { SwitchedServer, type Setting } from "./servers/switched.ts";
import { formatTable, medianOf } from "./support/table.ts";
import { small } from "./workload/seeded.ts";
import { runClient, runWrk } from "./workload/work.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "100" },
    /** The names of works, separated by commas. */
    only: { type: "string", default: "manifest,push" },
    /** A checkout with its packages: the commit before the metrics, which cannot be switched off. */
    before: { type: "string" },
  },
});
const rounds = Number(options.rounds);
const mostCost = 0.03;
/** Of the manifest GETs to one registry. */
const turnMs = 200;
const warmUpMs = 5_000;
/** The pushes to one registry in one turn. */
const images = 50;

interface Contender extends Setting {
  /** The setting that it is compared with. */
  readonly beside?: string;
}

interface Measured {
  /** Processor time of the server per request or image, in nanoseconds. */
  readonly cpuNs: number;
  readonly perSecond: number;
}

const root = mkdtempSync(path.join(tmpdir(), "berth-bench-"));
const password = randomBytes(12).toString("hex");
const collector = createServer((request, response) => {
  request.resume().on("end", () => response.end("{}"));
}).listen(0, "127.0.0.1");

const here = path.join(import.meta.dirname, "..");
const settingsOf = (endpoint: string, before: string | undefined): readonly Contender[] => {
  const flags = { "log.level": "info", "log.format": "json", "auth.adminPassword": password };
  const all = { flags, checkout: here };
  return [
    { name: "none", ...all, ...(before !== undefined && { beside: "before" }) },
    { name: "log.requests", ...all, flags: { ...flags, "log.requests": "true" }, beside: "none" },
    { name: "traces", ...all, flags: { ...flags, "tracing.endpoint": endpoint }, beside: "none" },
    ...(before === undefined ? [] : [{ name: "before", ...all, checkout: path.resolve(before) }]),
  ];
};

const server = new SwitchedServer(root);
let contenders: readonly Contender[] = [];

const image = createImage(small.seed, small.layerBytes);

const basic = `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`;

/** A bearer token of the registry that gets the requests now. */
async function tokenFor(host: string, repository: string, actions: string): Promise<string> {
  const scope = encodeURIComponent(`repository:${repository}:${actions}`);
  const answer = await fetch(`http://${host}/token?scope=${scope}`, {
    headers: { Authorization: basic },
  });
  return `Bearer ${((await answer.json()) as { readonly token: string }).token}`;
}

function processorNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1_000;
}

/** One load for all registries: it does not notice which of them answers. */
async function measureManifests(host: string): Promise<Map<string, Measured>[]> {
  const turns = rounds * contenders.length;
  const load = runWrk(`http://${host}/v2/${small.repository}/manifests/${small.tag}`, {
    ...{ connections: 16, seconds: Math.ceil((warmUpMs + turns * turnMs * 1.1) / 1_000) },
    ...{ accept: manifestType, bodyBytes: image.manifest.length },
    authorization: await tokenFor(host, small.repository, "pull"),
  });
  const measureTurn = async (): Promise<Measured> => {
    const before = [processorNs(), server.received, performance.now()] as const;
    await pause(turnMs);
    const requests = server.received - before[1];
    const seconds = (performance.now() - before[2]) / 1_000;
    return { cpuNs: (processorNs() - before[0]) / requests, perSecond: requests / seconds };
  };
  const warm = Math.ceil(warmUpMs / turnMs / contenders.length);
  const seen = await inRounds(warm + rounds, measureTurn);
  demandNone((await load).failures);
  return seen.slice(warm);
}

async function measurePushes(host: string): Promise<Map<string, Measured>[]> {
  let turn = 0;
  // The first round warms the registries up.
  const seen = await inRounds(1 + rounds, async () => {
    turn += 1;
    const repository = `bench/pushed-${turn}`;
    const authorization = await tokenFor(host, repository, "pull,push");
    const beganAtNs = processorNs();
    const { amount, seconds, failures } = await runClient("pushSmall", {
      ...{ host, authorization, repository, seed: repository, images },
      ...{ writers: 8, repositories: 1, way: "put" },
    });
    demandNone(failures);
    return { cpuNs: (processorNs() - beganAtNs) / images, perSecond: amount / seconds };
  });
  return seen.slice(1);
}

/** Measures all registries in each round, in alternating order. */
async function inRounds(
  count: number,
  measureTurn: () => Promise<Measured>,
): Promise<Map<string, Measured>[]> {
  const seen: Map<string, Measured>[] = [];
  for (let round = 0; round < count; round += 1) {
    const measured = new Map<string, Measured>();
    for (const { name } of round % 2 === 0 ? contenders : contenders.toReversed()) {
      server.use(name);
      measured.set(name, await measureTurn());
    }
    seen.push(measured);
  }
  return seen;
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

const works = { manifest: measureManifests, push: measurePushes } as const;

/** The rows of the table, and whether one costs too much. */
function compare(work: keyof typeof works, seen: readonly Map<string, Measured>[]) {
  return contenders.flatMap(({ name, beside }) => {
    if (beside === undefined) return [];
    const ratiosOf = (of: (measured: Measured) => number): readonly number[] =>
      seen.flatMap((round) => {
        const [one, other] = [round.get(name), round.get(beside)];
        return one === undefined || other === undefined ? [] : [of(one) / of(other)];
      });
    const cpu = describe(ratiosOf(({ cpuNs }) => cpuNs));
    const rate = describe(ratiosOf(({ perSecond }) => perSecond));
    const cpuUs = medianOf(seen.map((round) => round.get(name)?.cpuNs ?? NaN)) / 1_000;
    const cells = [work, `${name} / ${beside}`, cpu.text, rate.text, `${cpuUs.toFixed(1)} µs`];
    return [{ cells, isCostly: !(cpu.median < 1 + mostCost) }];
  });
}

async function seed(): Promise<void> {
  const task = { host: server.host, ...small, authorization: basic };
  demandNone((await runClient("seedImage", task)).failures);
}

try {
  await once(collector, "listening");
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`;
  contenders = settingsOf(endpoint, options.before);
  const [none] = contenders;
  if (none === undefined) throw new Error("no setting");
  await server.start(contenders, contenders.find(({ name }) => name === "before") ?? none, seed);
  const rows: ReturnType<typeof compare> = [];
  for (const work of ["manifest", "push"] as const)
    if (options.only.split(",").includes(work))
      rows.push(...compare(work, await works[work](server.host)));
  const heads = ["work", "setting", "processor time", "rate", "processor time of one"];
  console.log(
    formatTable(
      heads,
      rows.map(({ cells }) => cells),
    ),
  );
  if (rows.some(({ isCostly }) => isCostly)) process.exitCode = 1;
} finally {
  await server.close();
  collector.close().closeAllConnections();
  rmSync(root, { recursive: true, force: true });
}
