/**
 * `npm run bench`: compares Berth with other registries, and with nginx as the limit for reads. All servers run, and
 * one server is measured at a time: in each round every workload runs on each server. With `--compare` it also measures
 * another commit, and exits with 1 if something became slower. README.md explains the figures.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { createBerth, type BerthOptions } from "./servers/berth.ts";
import { choosePeers } from "./servers/choose.ts";
import { buildCommit, type CommitBuild } from "./servers/commit.ts";
import { createPostgresDatabases } from "./servers/postgres.ts";
import { startServer, type RunningServer, type Server } from "./servers/program.ts";
import { changesOf, namesBefore } from "./support/compare.ts";
import { describeMachine } from "./support/machine.ts";
import { measureQuietly, type Sample } from "./support/measuring.ts";
import { memoryOf } from "./support/processes.ts";
import { failuresOf } from "./support/report.ts";
import { writeResults } from "./support/results.ts";
import { MiB } from "./support/table.ts";
import { countCpu } from "./support/threads.ts";
import { seed } from "./workload/seeded.ts";
import type { Place, Scale, Work } from "./workload/work.ts";
import { works } from "./workload/works.ts";

const { values: options } = parseArgs({
  options: {
    /** A short run: one round of smaller workloads. */
    quick: { type: "boolean", default: false },
    /** The names of workloads, separated by commas. */
    only: { type: "string", default: works.map(({ name }) => name).join(",") },
    rounds: { type: "string" },
    /** A commit to compare this build with. Then it measures only the peers that --peer names. */
    compare: { type: "string" },
    /** The URL of a PostgreSQL server: measures Berth on it too. The user must be able to create databases. */
    postgres: { type: "string" },
    peer: { type: "string", multiple: true, default: [] },
    /** The maximum number of attempts per measurement while other processes are busy. */
    attempts: { type: "string" },
    /** The parent of all folders. A full run needs about 20 GB. */
    folder: { type: "string", default: tmpdir() },
    /** Node options for Berth, such as --cpu-prof. */
    node: { type: "string", multiple: true, default: [] },
    /** Options of `berth serve` in place of --open. */
    serve: { type: "string", multiple: true, default: [] },
  },
});

const scale: Scale = options.quick
  ? { seconds: 2, images: 800, largeBytes: 512 * MiB, clients: 200 }
  : { seconds: 3, images: 1600, largeBytes: 512 * MiB, clients: 200 };
const isComparing = options.compare !== undefined;
// With 5 rounds, chance alone separates the two builds in 1 of 126 rows.
const usualRounds = isComparing ? 5 : options.quick ? 1 : 3;
const rounds = Number(options.rounds ?? usualRounds);
const attempts = Number(options.attempts ?? (options.quick && !isComparing ? 1 : 2));
const names = options.only.split(",");
const chosen = works.filter(({ name }) => names.includes(name));
if (chosen.length < names.length)
  throw new Error(`--only takes ${works.map(({ name }) => name).join(", ")}`);

interface Contender {
  readonly server: Server;
  readonly running: RunningServer;
  readonly folder: string;
}

const root = mkdtempSync(path.join(options.folder, "berth-bench-"));
const createFolder = (name: string): string => mkdtempSync(path.join(root, `${name}-`));
const contenders: Contender[] = [];
const samples = new Map<string, Map<string, Sample[]>>();
let turns = 0;
let commitBuild: CommitBuild | undefined;
const databases =
  options.postgres === undefined ? undefined : createPostgresDatabases(options.postgres);

/** Berth on SQLite and, with --postgres, on PostgreSQL; with --compare beside each the build of the commit. */
function createBerths(): readonly Server[] {
  const create = (name: keyof typeof namesBefore, given: Partial<BerthOptions>): Server[] => {
    const build = (more: Partial<BerthOptions>): Server =>
      createBerth({
        ...{ programFolder: createFolder("program"), ...given, ...more },
        ...{ nodeOptions: options.node, serveOptions: options.serve },
      });
    if (commitBuild === undefined) return [build({ name })];
    const { folder, version } = commitBuild;
    return [build({ name }), build({ name: namesBefore[name], build: folder, version })];
  };
  return [
    ...create("berth", {}),
    ...(databases === undefined ? [] : create("postgres", { createDatabase: databases.create })),
  ];
}

async function startAll(): Promise<void> {
  if (options.compare !== undefined)
    commitBuild = buildCommit(options.compare, path.join(root, "commit"));
  const servers = [...createBerths(), ...choosePeers(options.peer, !isComparing)];
  for (const server of servers) {
    const folder = createFolder(server.name);
    const running = await startServer(server, folder, { watched: true });
    contenders.push({ server, running, folder });
    await seed({ server, running }, folder);
  }
}

/** Measures one workload on every server. The order alternates, so that the place in a round favours no server. */
async function measureRound(work: Work, round: number): Promise<void> {
  const seen = samples.get(work.name) ?? new Map<string, Sample[]>();
  samples.set(work.name, seen);
  const order = round % 2 === 0 ? contenders : contenders.toReversed();
  for (const { server, running, folder } of order) {
    if (server.limit && !work.reads) continue;
    const watched = server.probed && !work.alone ? folder : undefined;
    const createPlace = (): Place => {
      turns += 1;
      return {
        server,
        running,
        scale,
        turn: String(turns),
        createFolder: () => createFolder("turn"),
        countCpu: watched === undefined ? undefined : () => countCpu(watched, running.pid),
      };
    };
    const sample = await measureQuietly(work, createPlace, watched, attempts);
    seen.set(server.name, [...(seen.get(server.name) ?? []), sample]);
    const { value, othersShare, failures } = sample;
    const notes = [`others ${(100 * othersShare).toFixed(0)} %`, ...failures.slice(0, 1)];
    console.error(
      `${work.name}, ${server.name}: ${value.toPrecision(4)} ${work.unit}, ${notes.join(", ")}`,
    );
  }
}

function report(): string {
  return writeResults({
    works: chosen,
    servers: contenders.map(({ server: { name, version }, running }) => ({
      name,
      version,
      peakBytes: memoryOf(running.pid, "VmHWM"),
    })),
    samples,
    machine: describeMachine(root),
    scale,
    rounds,
    whole: !options.quick && chosen.length === works.length,
  });
}

async function end(): Promise<void> {
  for (const { running } of contenders) await running.stop();
  databases?.drop();
  commitBuild?.remove();
  commitBuild = undefined;
  rmSync(root, { recursive: true, force: true });
}

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void end().finally(() => process.exit(1)));

try {
  await startAll();
  for (let round = 0; round < rounds; round += 1) {
    for (const work of chosen) await measureRound(work, round);
    report();
  }
  console.log(report());
  const worse = changesOf(chosen, samples).filter(({ verdict }) => verdict === "worse");
  const faults = [
    ...failuresOf(samples),
    ...worse.map(
      ({ title, before, now }) =>
        `worse than ${commitBuild?.version}: ${title}, ${before} → ${now}`,
    ),
  ];
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
} finally {
  await end();
}
