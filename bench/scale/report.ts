import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { hasChanges } from "../servers/berth.ts";
import { describeMachine } from "../support/machine.ts";
import { formatTable, inMiB, inMs, medianOf, MiB } from "../support/table.ts";

type Unit = "ms" | "s" | "B" | "images/s" | "req/s";

/** The limit of a figure: a value, or a factor of the figure of the empty registry. */
type Must = { readonly under: number } | { readonly within: number };

interface Row {
  readonly title: string;
  readonly unit: Unit;
  readonly must?: Must;
}

const row = (title: string, unit: Unit, must?: Must): Row => ({
  ...{ title, unit },
  ...(must && { must }),
});
const within: Must = { within: 1.3 };

/** All figures, in the order of the table. */
const rows = {
  start: row("start to first 200", "ms", { under: 1_000 }),
  startKilled: row("start after kill -9", "ms"),
  idle: row("RSS idle after 2 s", "B", { under: 120 * MiB }),
  pushP50: row("push ×1, p50", "ms", within),
  pushP99: row("push ×1, p99", "ms"),
  pushCpu: row("push ×1, CPU an image", "ms"),
  pushLargest: row("push ×1 to the largest repository, p50", "ms"),
  pushRate: row("push ×16, 64 new repositories", "images/s", within),
  pushRateCpu: row("push ×16, CPU an image", "ms"),
  pullP50: row("pull ×1, not cached, p50", "ms", within),
  pullP99: row("pull ×1, not cached, p99", "ms"),
  pullCpu: row("pull ×1, CPU an image", "ms"),
  manifests: row("GET random manifest by tag ×8", "req/s"),
  manifest: row("GET the same manifest by tag ×32", "req/s"),
  tagsFirst: row("tags/list of the largest, first 100", "ms"),
  tagsLast: row("tags/list of the largest, last 10", "ms"),
  catalogFirst: row("_catalog, first 10", "ms"),
  catalogLast: row("_catalog, last 5", "ms"),
  referrers: row("referrers of an image", "ms"),
  hubRepositories: row("Hub: repositories of the largest namespace, first 10", "ms"),
  hubTags: row("Hub: tags of the largest repository, first 10", "ms"),
  berthTags: row("Berth: tags of the largest repository by update, first 10", "ms"),
  searchAll: row("search, a word of all", "ms"),
  searchOne: row("search, a word of one", "ms"),
  activity: row("Berth: audit rows of the largest repository, first 10", "ms"),
  metrics: row("/metrics", "ms"),
  gc: row("berth gc, 2,000 candidates", "s"),
  gcPeak: row("berth gc, RSS peak", "B"),
  dryRun: row("berth gc --dry-run", "s"),
  dryRunPeak: row("berth gc --dry-run, RSS peak", "B"),
  check: row("berth check", "s"),
  checkPeak: row("berth check, RSS peak", "B"),
  peak: row("RSS peak of the server", "B"),
  database: row("database", "B"),
} satisfies Readonly<Record<string, Row>>;

export type RowName = keyof typeof rows;
export type Figures = Partial<Record<RowName, number>>;

/** A larger value is better. */
const isRate = (name: RowName): boolean => rows[name].unit.endsWith("/s");

/** The figures of a size and of the empty registry that was measured beside it, one for each measurement. */
export interface SizeFigures {
  readonly database: "SQLite" | "PostgreSQL";
  readonly images: number;
  readonly seen: { readonly empty: Figures[]; readonly filled: Figures[] };
}

const format: Record<Unit, (value: number) => string> = {
  ms: inMs,
  s: (value) => `${value.toFixed(1)} s`,
  B: (value) => (value < 10_000 * MiB ? inMiB(value) : `${(value / 1024 / MiB).toFixed(1)} GiB`),
  "images/s": (value) => `${value.toFixed(0)}/s`,
  "req/s": (value) => `${value.toFixed(0)}/s`,
};

const valuesIn = (seen: readonly Figures[], name: RowName): readonly number[] =>
  seen.map((figures) => figures[name]).filter((value) => value !== undefined);

const medianIn = (seen: readonly Figures[], name: RowName): number =>
  medianOf(valuesIn(seen, name));

/** The median of the ratios in each round: the speed of the machine changes between two rounds. */
function ratioOf({ seen }: SizeFigures, name: RowName): number {
  const empty = valuesIn(seen.empty, name);
  return medianOf(valuesIn(seen.filled, name).map((value, at) => value / (empty[at] ?? NaN)));
}

const inWords = (images: number): string =>
  images >= 1_000_000 ? `${images / 1_000_000} M` : `${images / 1_000} k`;

/** One column for each size, with the ratio to the empty registry beside it. */
function tableOf(sizes: readonly SizeFigures[]): string {
  const names = Object.keys(rows) as RowName[];
  const empties = sizes.flatMap(({ seen }) => seen.empty);
  const lines = names.flatMap((name) => {
    const { title, unit } = rows[name];
    const empty = medianIn(empties, name);
    if (Number.isNaN(empty)) return [];
    const cells = sizes.map((size) => {
      const value = medianIn(size.seen.filled, name);
      if (Number.isNaN(value)) return "";
      return `${format[unit](value)} (${ratioOf(size, name).toFixed(2)}×)`;
    });
    return [[title, format[unit](empty), ...cells, mustOf(name, sizes)]];
  });
  const heads = sizes.map(({ images }) => inWords(images));
  return formatTable(["work", "empty", ...heads, "must"], lines);
}

/** The sizes at which a figure exceeds its limit. */
function missesOf(name: RowName, sizes: readonly SizeFigures[]): readonly SizeFigures[] {
  const { must }: Row = rows[name];
  if (must === undefined) return [];
  return sizes.filter((size) => {
    if ("under" in must) return medianIn(size.seen.filled, name) >= must.under;
    const ratio = ratioOf(size, name);
    return (isRate(name) ? 1 / ratio : ratio) > must.within;
  });
}

function mustOf(name: RowName, sizes: readonly SizeFigures[]): string {
  const { must, unit }: Row = rows[name];
  if (must === undefined) return "";
  const text = "under" in must ? `< ${format[unit](must.under)}` : `within ${must.within} ×`;
  const misses = missesOf(name, sizes).map(({ images }) => inWords(images));
  return `${text}: ${misses.length === 0 ? "yes" : `**no** at ${misses.join(", ")}`}`;
}

export const hasMisses = (sizes: readonly SizeFigures[]): boolean =>
  (Object.keys(rows) as RowName[]).some((name) => missesOf(name, sizes).length > 0);

/**
 * Returns the tables, and writes them to `results/latest-scale.tmp`. Writes all figures to
 * `results/scale-DATE-COMMIT.json`, or to `results/scale-part.tmp` after a partial run.
 */
export function writeScaleResults(
  sizes: readonly SizeFigures[],
  run: { readonly folder: string; readonly commit: string; readonly whole: boolean },
): string {
  const date = new Date().toISOString().slice(0, 10);
  const { commit } = run;
  const [changed, machine] = [hasChanges(), describeMachine(run.folder)];
  const folder = path.join(import.meta.dirname, "../results");
  mkdirSync(folder, { recursive: true });
  const file = run.whole ? `scale-${date}-${commit}.json` : "scale-part.tmp";
  const result = { date, commit, changed, machine, sizes };
  writeFileSync(path.join(folder, file), `${JSON.stringify(result, undefined, 2)}\n`);
  const tables = (["SQLite", "PostgreSQL"] as const).flatMap((database) => {
    const measured = sizes.filter((size) => size.database === database);
    return measured.length === 0 ? [] : [`${database}:\n\n${tableOf(measured)}`];
  });
  const text = [
    ...tables,
    `berth ${commit}${changed ? " with changes" : ""}. ${machine.cores} cores with the client on the same, ` +
      `${machine.processor}, ${machine.memoryGiB} GiB, ${machine.fileSystem}, Linux ${machine.kernel}, Node ${machine.node}; ` +
      `load average at the end ${machine.loadAverage.map((load) => load.toFixed(1)).join(" ")}`,
  ].join("\n\n");
  writeFileSync(path.join(folder, "latest-scale.tmp"), `${text}\n`);
  return text;
}
