/**
 * Measures how the throughput grows from one to three replicas on PostgreSQL and S3 behind HAProxy: `node …
 * bench/replicas.ts --postgres URL`. Prints the CPU time per request of each program, because all of them use the same
 * cores. README.md explains the figures.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { createImage, manifestType } from "./client/image.ts";
import { createBerth } from "./servers/berth.ts";
import { find } from "./servers/choose.ts";
import { createHaproxy } from "./servers/haproxy.ts";
import { createPostgresDatabases, postgresPid } from "./servers/postgres.ts";
import { startServer, type RunningServer } from "./servers/program.ts";
import { s3Access, startVersitygw } from "./servers/versitygw.ts";
import { createCpuCgroup, type CpuCgroup } from "./support/cpu-cgroup.ts";
import { clientCpuSeconds, cpuSecondsOf } from "./support/processes.ts";
import { formatTable, medianOf } from "./support/table.ts";
import { small } from "./workload/seeded.ts";
import { runClient, runWrk } from "./workload/work.ts";

const { values } = parseArgs({
  options: {
    /** The URL of a PostgreSQL server on this machine. The user must be able to create databases. */
    postgres: { type: "string" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
    images: { type: "string", default: "800" },
    /** The part of a core that each replica may use at most, such as 0.2. Needs root. */
    cores: { type: "string" },
    folder: { type: "string", default: tmpdir() },
    node: { type: "string", multiple: true, default: [] },
  },
});
if (values.postgres === undefined) throw new Error("say which --postgres");
const versitygw = find("versitygw");
if (versitygw === undefined) throw new Error("versitygw is not installed");

const [connections, writers, repositories] = [32, 16, 64];
const replicaCount = 3;
const parts = ["Berth", "PostgreSQL", "HAProxy", "S3", "client"] as const;
type Cpu = Readonly<Record<(typeof parts)[number], number>>;

/** One measurement: requests or images per second, and the CPU milliseconds of each. */
interface Figures {
  readonly perSecond: number;
  readonly cpuMs: Cpu;
  readonly failures: readonly string[];
}

/** What serves: one replica, or HAProxy in front of some of them. */
interface Entry {
  readonly host: string;
  readonly haproxyPid: number | undefined;
  readonly turn: string;
}

const root = mkdtempSync(path.join(values.folder, "berth-bench-replicas-"));
const createFolder = (name: string): string => mkdtempSync(path.join(root, `${name}-`));
const databases = createPostgresDatabases(values.postgres);
const databasePid = postgresPid(values.postgres);
const s3 = await startVersitygw(versitygw, createFolder("s3"));
const replicas: RunningServer[] = [];
const groups: CpuCgroup[] = [];

async function startReplicas(): Promise<void> {
  const url = databases.create();
  const server = createBerth({
    programFolder: createFolder("program"),
    nodeOptions: values.node,
    serveOptions: [],
    createDatabase: () => url,
    env: {
      BERTH_AUTH_KEY_SECRET: "the secret of all replicas in a bench",
      BERTH_TRUSTED_PROXIES: "127.0.0.1",
      BERTH_STORAGE_DRIVER: "s3",
      BERTH_STORAGE_S3_BUCKET: s3Access.bucket,
      BERTH_STORAGE_S3_ENDPOINT: s3.endpoint,
      BERTH_STORAGE_S3_FORCE_PATH_STYLE: "true",
      BERTH_STORAGE_S3_ACCESS_KEY_ID: s3Access.accessKeyId,
      BERTH_STORAGE_S3_SECRET_ACCESS_KEY: s3Access.secretAccessKey,
    },
  });
  for (let index = 0; index < replicaCount; index += 1)
    replicas.push(await startServer(server, createFolder("replica")));
}

/** A replica is slower in its first second, in which the JIT compiler runs. Then its cores are limited. */
async function warmUp(): Promise<void> {
  for (const [index, { host, pid }] of replicas.entries()) {
    const seeded =
      index === 0 ? await runClient("seedImage", { host, ...small }) : { failures: [] };
    const entry = { host, haproxyPid: undefined, turn: `warm-up-${index}` };
    const failures = [seeded, await getManifests(entry), await pushImages(entry)].flatMap(
      (one) => one.failures,
    );
    if (failures.length > 0) throw new Error(failures[0]);
    if (values.cores === undefined) continue;
    const group = createCpuCgroup(String(index), Number(values.cores));
    groups.push(group);
    group.add(pid);
  }
}

/** The CPU seconds of each program since its start. */
const cpuSeconds = ({ haproxyPid }: Entry): Cpu => ({
  Berth: replicas.reduce((sum, { pid }) => sum + cpuSecondsOf(pid), 0),
  PostgreSQL: cpuSecondsOf(databasePid),
  HAProxy: haproxyPid === undefined ? 0 : cpuSecondsOf(haproxyPid),
  S3: cpuSecondsOf(s3.pid),
  client: clientCpuSeconds(),
});

function cpuMsOf(before: Cpu, after: Cpu, count: number): Cpu {
  const cost = (part: keyof Cpu): number => ((after[part] - before[part]) * 1000) / count;
  return Object.fromEntries(parts.map((part) => [part, cost(part)])) as unknown as Cpu;
}

async function getManifests(entry: Entry): Promise<Figures> {
  const { manifest } = createImage(small.seed, small.layerBytes);
  const seconds = Number(values.seconds);
  let before = cpuSeconds(entry);
  const { value, failures } = await runWrk(
    `http://${entry.host}/v2/${small.repository}/manifests/${small.tag}`,
    {
      ...{ connections, seconds, accept: manifestType, bodyBytes: manifest.length },
      onWarm: () => (before = cpuSeconds(entry)),
    },
  );
  const cpuMs = cpuMsOf(before, cpuSeconds(entry), value * seconds);
  return { perSecond: value, cpuMs, failures };
}

async function pushImages(entry: Entry): Promise<Figures> {
  const { host, turn } = entry;
  const images = Number(values.images);
  execFileSync("sync", ["-f", root]);
  const before = cpuSeconds(entry);
  const pushed = await runClient("pushSmall", {
    ...{ host, repository: `bench/push-${turn}`, seed: turn, way: "put" },
    ...{ images, writers, repositories },
  });
  const cpuMs = cpuMsOf(before, cpuSeconds(entry), images);
  // Without the start of the client and the images that it generates.
  const client = (pushed.cpuSeconds * 1000) / images;
  const { amount, seconds, failures } = pushed;
  return { perSecond: amount / seconds, cpuMs: { ...cpuMs, client }, failures };
}

const works = [
  { name: `GET manifest by tag ×${connections}`, measure: getManifests, perMs: 1000, unit: "µs" },
  {
    name: `push small images ×${writers}, ${repositories} repositories`,
    ...{ measure: pushImages, perMs: 1, unit: "ms" },
  },
] as const;
/** The number of replicas behind HAProxy; 0 is one replica without HAProxy. */
const counts = [0, 1, 2, 3] as const;
const samples = new Map<string, Figures[]>();
let turns = 0;

/** Measures all workloads on so many replicas. */
async function measure(count: number): Promise<void> {
  const [first] = replicas;
  if (first === undefined) throw new Error("no replica");
  const haproxy =
    count === 0
      ? undefined
      : await startServer(
          createHaproxy(replicas.slice(0, count).map(({ host }) => host)),
          createFolder("haproxy"),
        );
  try {
    for (const { name, measure: run } of works) {
      turns += 1;
      const host = haproxy?.host ?? first.host;
      const figures = await run({ host, haproxyPid: haproxy?.pid, turn: String(turns) });
      const key = `${name} ${count}`;
      samples.set(key, [...(samples.get(key) ?? []), figures]);
      const note = [`${figures.perSecond.toFixed(0)}/s`, ...figures.failures.slice(0, 1)];
      console.error(`${name}, ${count} behind HAProxy: ${note.join(", ")}`);
    }
  } finally {
    await haproxy?.stop();
  }
}

/** The medians of the rounds. `cores` is the sum of the CPU times per second. */
function table(): string {
  const rows = works.flatMap(({ name, perMs, unit }) =>
    counts.map((count) => {
      const seen = samples.get(`${name} ${count}`) ?? [];
      const perSecond = medianOf(seen.map((one) => one.perSecond));
      const costs = parts.map((part) => medianOf(seen.map(({ cpuMs }) => cpuMs[part])));
      const cores = (perSecond * costs.reduce((sum, ms) => sum + ms, 0)) / 1000;
      return [
        ...[name, count === 0 ? "1, without HAProxy" : String(count), `${perSecond.toFixed(0)}/s`],
        ...costs.map((ms) => `${(ms * perMs).toFixed(perMs === 1 ? 2 : 0)} ${unit}`),
        cores.toFixed(2),
      ];
    }),
  );
  return formatTable(["work", "replicas", "per second", ...parts, "cores"], rows);
}

async function end(): Promise<void> {
  for (const replica of replicas) await replica.stop();
  for (const group of groups) group.remove();
  await s3.stop();
  databases.drop();
  rmSync(root, { recursive: true, force: true });
}

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void end().finally(() => process.exit(1)));

try {
  await startReplicas();
  await warmUp();
  for (let round = 0; round < Number(values.rounds); round += 1)
    for (const count of round % 2 === 0 ? counts : counts.toReversed()) await measure(count);
  console.log(table());
  const failures = [...samples.values()].flat().flatMap((one) => one.failures);
  for (const failure of failures.slice(0, 5)) console.error(failure);
  if (failures.length > 0) process.exitCode = 1;
} finally {
  await end();
}
