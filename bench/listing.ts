/**
 * Measures lists and searches of a large registry: `node … bench/listing.ts --data FOLDER [--postgres URL]`, with the
 * folder, and the database, of `npm run seed`. Prints the wall time per request, with cached answers and with answers
 * that no cache has. README.md explains the figures.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { measurePages, type PageTimes } from "./listing/measure.ts";
import { berthPages } from "./listing/pages.ts";
import { postgresPid } from "./servers/postgres.ts";
import { memoryOf, startBerth } from "./support/berth.ts";
import { formatTable, inMiB } from "./support/table.ts";

const { values } = parseArgs({
  options: {
    data: { type: "string", default: "./data" },
    /** The URL of the database that `npm run seed --postgres` filled from this folder. */
    postgres: { type: "string" },
    /** The numbers of concurrent clients, separated by commas. */
    clients: { type: "string", default: "1,8" },
    /** The time per listing, number of clients and kind of answer. */
    seconds: { type: "string", default: "1" },
    /** Manifests pushed per second during the measurement, so that cached answers become invalid. */
    pushes: { type: "string", default: "0" },
    /** Measures only the requests whose name contains this text. */
    only: { type: "string", default: "" },
    node: { type: "string", multiple: true, default: [] },
  },
});
const pages = Object.entries(berthPages).filter(([name]) => name.includes(values.only));
const clientCounts = values.clients.split(",").map(Number);
const kinds = [
  { kind: "never cached", distinct: true },
  { kind: "cached", distinct: false },
] as const;
/** The aim for one client. */
const mostP99Ms = 50;

interface Column {
  readonly database: string;
  readonly kind: string;
  readonly clients: number;
  readonly times: readonly PageTimes[];
}

async function measure(database: string, url: string | undefined): Promise<readonly Column[]> {
  const berth = await startBerth({
    ...{ data: values.data, nodeOptions: values.node },
    ...(url !== undefined && { database: url }),
  });
  const columns: Column[] = [];
  try {
    const idle = memoryOf(berth.pid, "VmRSS");
    for (const { kind, distinct } of kinds)
      for (const clients of clientCounts) {
        const times = await measurePages(
          {
            ...{ host: new URL(berth.url).host, pid: berth.pid },
            databasePid: url === undefined ? undefined : postgresPid(url),
          },
          {
            ...{ pages, clients, distinct },
            seconds: Number(values.seconds),
            pushesPerSecond: Number(values.pushes),
          },
        );
        columns.push({ database, kind, clients, times });
      }
    const end = memoryOf(berth.pid, "VmRSS");
    console.error(`${database}: RSS at the start ${inMiB(idle)}, at the end ${inMiB(end)}`);
  } finally {
    await berth.stop();
  }
  return columns;
}

/** One row per listing: the times of each database, and the CPU time of its last column per request. */
function tableOf(kind: string, columns: readonly Column[]): string {
  const heads = columns.map(({ database, clients }) => `${database} ×${clients}`);
  const last = new Map(columns.map((column) => [column.database, column]));
  const rows = pages.map(([name], index) => {
    const cells = columns.map(({ times }) => {
      const { p50Ms = NaN, p99Ms = NaN } = times[index] ?? {};
      return `${p50Ms.toFixed(1)} / ${p99Ms.toFixed(1)}`;
    });
    const costs = [...last.values()].map((seen) => {
      const { cpuMs = NaN, databaseCpuMs = NaN } = seen.times[index] ?? {};
      return databaseCpuMs > 0
        ? `${cpuMs.toFixed(2)} + ${databaseCpuMs.toFixed(2)}`
        : cpuMs.toFixed(2);
    });
    return [name, ...cells, ...costs];
  });
  const costHeads = [...last.keys()].map((database) => `CPU, ms, ${database}`);
  return formatTable([`${kind}: p50 / p99 in ms`, ...heads, ...costHeads], rows);
}

const columns = [
  ...(await measure("SQLite", undefined)),
  ...(values.postgres === undefined ? [] : await measure("PostgreSQL", values.postgres)),
];
for (const { kind } of kinds)
  console.log(
    `${tableOf(
      kind,
      columns.filter((column) => column.kind === kind),
    )}\n`,
  );
const slow = columns.flatMap(({ database, kind, clients, times }) =>
  times
    .filter(({ p99Ms }) => clients === 1 && !(p99Ms < mostP99Ms))
    .map(({ name, p99Ms }) => `${database}, ${kind}: ${name}: p99 ${p99Ms.toFixed(1)} ms`),
);
for (const row of slow) console.log(row);
console.log(`${slow.length} rows with one client have a p99 of ${mostP99Ms} ms or more`);
if (slow.length > 0) process.exitCode = 1;
