/**
 * `npm run bench -- --scale`: memory and latency of Berth as its stock grows. Each size is measured beside an empty
 * registry, in turn. README.md explains the figures.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { createPostgresDatabases, type PostgresDatabases } from "./servers/postgres.ts";
import { commitOf } from "./servers/berth.ts";
import * as measure from "./scale/measure.ts";
import { createFiller, type Registry } from "./scale/registries.ts";
import { hasMisses, writeScaleResults, type Figures, type SizeFigures } from "./scale/report.ts";
import * as works from "./scale/works.ts";

const parts = {
  starts: "start, RSS idle",
  rounds: "pushes, pulls and lists",
  killed: "the start after kill -9",
  gc: "berth gc",
  check: "berth check",
} as const;

const { values: options } = parseArgs({
  options: {
    scale: { type: "boolean" },
    /** Images, multiples of 1,000, in rising order. 0 compares the empty registry with itself. */
    sizes: { type: "string", default: "0,10000,100000,1000000,10000000" },
    rounds: { type: "string", default: "7" },
    starts: { type: "string", default: "5" },
    /** The measurements, separated by commas. */
    only: { type: "string", default: Object.keys(parts).join(",") },
    /** `berth check` runs up to this size. */
    "check-up-to": { type: "string", default: "100000" },
    /** The URL of a PostgreSQL server: measures Berth on it too. The user must be a superuser. */
    postgres: { type: "string" },
    /** Only on PostgreSQL. */
    "no-sqlite": { type: "boolean", default: false },
    /** The folder of all data. What it has on SQLite stays, and the next run grows it; without it, all data is removed. */
    folder: { type: "string" },
    /** Node options for Berth, such as --cpu-prof. */
    node: { type: "string", multiple: true, default: [] },
  },
});

const sizes = options.sizes.split(",").map(Number);
const only = options.only.split(",");
const unknown = only.find((name) => !(name in parts));
if (unknown !== undefined) throw new Error(`--only takes ${Object.keys(parts).join(", ")}`);

const root = options.folder ?? mkdtempSync(path.join(tmpdir(), "berth-scale-"));
mkdirSync(root, { recursive: true });
const scratch = mkdtempSync(path.join(root, "run-"));
const databases =
  options.postgres === undefined ? undefined : createPostgresDatabases(options.postgres);
const results: SizeFigures[] = [];

function fillerIn(parent: string, name: string, on: PostgresDatabases | undefined) {
  return createFiller({
    folder: path.join(parent, name),
    programFolder: mkdtempSync(path.join(scratch, "program-")),
    nodeOptions: options.node,
    databaseUrl: on?.create(),
  });
}

async function measureSize(filled: Registry, empty: Registry, result: SizeFigures): Promise<void> {
  const both = [empty, filled];
  const note = (registry: Registry, figures: Figures): void => {
    (registry === empty ? result.seen.empty : result.seen.filled).push(figures);
    const name = registry === empty ? "empty" : String(result.images);
    console.error(`${result.database}, ${name}: ${JSON.stringify(figures)}`);
  };
  const does = (part: keyof typeof parts): boolean => only.includes(part);
  if (does("starts")) await measure.measureStarts(both, Number(options.starts), note);
  if (does("rounds")) {
    const all = [
      ...[works.pushOneByOne, works.pushManyAtOnce, works.pullOneByOne],
      ...[works.getManifests, works.getManifest, works.getPages],
    ];
    await measure.measureRounds(both, { works: all, rounds: Number(options.rounds) }, note);
  }
  for (const registry of both) {
    if (does("killed")) await measure.measureKilled(registry, note);
    if (does("gc")) await measure.measureCollection(registry, note);
    if (does("check") && result.images <= Number(options["check-up-to"]))
      await measure.measureCheck(registry, note);
  }
}

async function measureAll(on: PostgresDatabases | undefined): Promise<void> {
  const database = on === undefined ? "SQLite" : "PostgreSQL";
  const fill = fillerIn(on === undefined ? root : scratch, "filled", on);
  for (const images of sizes) {
    const begun = performance.now();
    const filled = await fill(images);
    const empty = await fillerIn(scratch, `empty-${database}-${images}`, on)(0);
    console.error(
      `${database}, ${images}: filled in ${((performance.now() - begun) / 1000).toFixed(1)} s`,
    );
    const result: SizeFigures = { database, images, seen: { empty: [], filled: [] } };
    results.push(result);
    await measureSize(filled, empty, result);
    rmSync(empty.folder, { recursive: true, force: true });
    report();
  }
}

function report(): string {
  const whole = only.length === Object.keys(parts).length;
  return writeScaleResults(results, { folder: root, commit: commitOf(), whole });
}

function end(): void {
  databases?.drop();
  rmSync(options.folder === undefined ? root : scratch, { recursive: true, force: true });
}

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    end();
    process.exit(1);
  });

try {
  if (!options["no-sqlite"]) await measureAll(undefined);
  if (databases !== undefined) await measureAll(databases);
  console.log(report());
  if (hasMisses(results)) process.exitCode = 1;
} finally {
  end();
}
