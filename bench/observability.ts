/**
 * What the metrics, the log of requests and the traces cost: the processor time of manifest GETs with a token and of
 * pushes, with and without them. Two servers with the same settings differ by up to 20 % in their whole life, so this
 * process holds a registry for each setting behind one listening server, and passes the requests of one moment to one of
 * them: all share the compiled code, the connections' side and the place in memory. They take turns of a second, in
 * alternating order. Exits with 1 if a median is `mostCost` or more.
 */
import { randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { pino } from "pino";
import type * as appModule from "../src/app/server-app.ts";
import * as configModule from "../src/config/load.ts";
import type * as loggerModule from "../src/observability/logger.ts";
import { startServer, type RunningServer } from "../src/server/start-server.ts";
import { createImage, manifestType } from "./client/image.ts";
import { formatTable, medianOf } from "./support/table.ts";
import { small } from "./workload/seeded.ts";
import { runClient, runWrk } from "./workload/work.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "30" },
    /** The names of works, separated by commas. */
    only: { type: "string", default: "manifest,push" },
    /** A checkout with its packages: the commit before the metrics, which cannot be switched off. */
    before: { type: "string" },
  },
});
const rounds = Number(options.rounds);
const mostCost = 0.03;
const images = 200;

interface Setting {
  readonly name: string;
  readonly flags: Readonly<Record<string, string>>;
  /** The folder of the sources. */
  readonly checkout: string;
  /** The setting that it is compared with. */
  readonly beside?: string;
}

interface Contender extends Setting {
  readonly app: appModule.ServerApp;
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
const settingsOf = (endpoint: string, before: string | undefined): readonly Setting[] => {
  const flags = { "log.level": "info", "log.format": "json", "auth.adminPassword": password };
  const all = { flags, checkout: here };
  return [
    { name: "none", ...all, ...(before !== undefined && { beside: "before" }) },
    { name: "log.requests", ...all, flags: { ...flags, "log.requests": "true" }, beside: "none" },
    { name: "traces", ...all, flags: { ...flags, "tracing.endpoint": endpoint }, beside: "none" },
    ...(before === undefined ? [] : [{ name: "before", ...all, checkout: path.resolve(before) }]),
  ];
};

/** Opens a registry as `berth serve` does. Its log is a file. */
async function openApp({ name, flags, checkout }: Setting): Promise<appModule.ServerApp> {
  const [{ loadConfig }, { createLogger }, { openServerApp }] = (await Promise.all(
    ["config/load.ts", "observability/logger.ts", "app/server-app.ts"].map(
      (file) => import(path.join(checkout, "src", file)),
    ),
  )) as [typeof configModule, typeof loggerModule, typeof appModule];
  const loaded = await loadConfig({ flags: { data: path.join(root, name), ...flags }, env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const log = pino.destination({ dest: path.join(root, `${name}.log`), sync: false });
  return openServerApp(loaded.config, createLogger(loaded.config.log, log));
}

/** The registry that gets the requests now. */
let current: Pick<appModule.ServerApp, "handle"> | undefined;

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

async function measureManifests(host: string): Promise<Measured> {
  const authorization = await tokenFor(host, small.repository, "pull");
  let beganAtNs = 0;
  const seconds = 1;
  const { value, failures } = await runWrk(
    `http://${host}/v2/${small.repository}/manifests/${small.tag}`,
    {
      ...{ connections: 16, seconds, accept: manifestType, bodyBytes: image.manifest.length },
      ...{ authorization, onWarm: () => (beganAtNs = processorNs()) },
    },
  );
  demandNone(failures);
  return { cpuNs: (processorNs() - beganAtNs) / (value * seconds), perSecond: value };
}

async function measurePushes(host: string, turn: string): Promise<Measured> {
  const repository = `bench/pushed-${turn}`;
  const authorization = await tokenFor(host, repository, "pull,push");
  const beganAtNs = processorNs();
  const { amount, seconds, failures } = await runClient("pushSmall", {
    ...{ host, authorization, repository, seed: turn, images },
    ...{ writers: 8, repositories: 1, way: "put" },
  });
  demandNone(failures);
  return { cpuNs: (processorNs() - beganAtNs) / images, perSecond: amount / seconds };
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
const contenders: Contender[] = [];

/** Measures all settings in each round, and returns the rows of the table and whether one costs too much. */
async function compare(work: keyof typeof works, host: string) {
  const seen: Map<string, Measured>[] = [];
  // The first round warms the registries up.
  for (let round = 0; round <= rounds; round += 1) {
    const measured = new Map<string, Measured>();
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      current = contender.app;
      measured.set(contender.name, await works[work](host, `${round}`));
    }
    if (round > 0) seen.push(measured);
  }
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

async function startAll(settings: readonly Setting[]): Promise<RunningServer> {
  const flags = { data: path.join(root, "listening"), listen: "127.0.0.1:0" };
  const loaded = await configModule.loadConfig({ flags, env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const apps = await Promise.all(settings.map(openApp));
  const [first] = apps;
  if (first === undefined) throw new Error("at least one setting");
  const server = await startServer(
    loaded.config,
    { ...first, handle: (request, response) => current?.handle(request, response) },
    pino({ level: "silent" }),
    { signals: new EventEmitter() },
  );
  for (const [at, setting] of settings.entries()) {
    const app = apps[at] ?? first;
    contenders.push({ ...setting, app });
    current = app;
    const task = { host: `127.0.0.1:${server.port}`, ...small, authorization: basic };
    demandNone((await runClient("seedImage", task)).failures);
  }
  return server;
}

let server: RunningServer | undefined;
try {
  await once(collector, "listening");
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`;
  server = await startAll(settingsOf(endpoint, options.before));
  const host = `127.0.0.1:${server.port}`;
  const rows: Awaited<ReturnType<typeof compare>> = [];
  for (const work of ["manifest", "push"] as const)
    if (options.only.split(",").includes(work)) rows.push(...(await compare(work, host)));
  const heads = ["work", "setting", "processor time", "rate", "processor time of one"];
  console.log(
    formatTable(
      heads,
      rows.map(({ cells }) => cells),
    ),
  );
  if (rows.some(({ isCostly }) => isCostly)) process.exitCode = 1;
} finally {
  server?.drain();
  await server?.ended;
  for (const { app } of contenders.slice(1)) await app.close();
  collector.close().closeAllConnections();
  rmSync(root, { recursive: true, force: true });
}
