/**
 * Measures listings and searches of a large registry: `node … bench/listing.ts --data FOLDER`, with a folder of `npm
 * run seed`. 16 clients send each request concurrently. The figures are milliseconds per request and the server's
 * memory. If other processes use the machine, compare the CPU time per request.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { measurePages } from "./listing/measure.ts";
import { berthPages } from "./listing/pages.ts";
import { memoryOf, startBerth } from "./support/berth.ts";
import { formatTable, inMiB } from "./support/table.ts";

const { values } = parseArgs({
  options: {
    data: { type: "string", default: "./data" },
    seconds: { type: "string", default: "3" },
    /** Manifests pushed per second during the measurement, so that cached pages become invalid. */
    pushes: { type: "string", default: "0" },
    /** Gives every request a different parameter, so that no response comes from a cache. */
    distinct: { type: "boolean", default: false },
    /** Measures only the requests whose name contains this text. */
    only: { type: "string", default: "" },
    node: { type: "string", multiple: true, default: [] },
  },
});
const pages = Object.entries(berthPages).filter(([name]) => name.includes(values.only));

const berth = await startBerth({ data: values.data, nodeOptions: values.node });
try {
  const idle = memoryOf(berth.pid, "VmRSS");
  const rows = await measurePages(
    { host: new URL(berth.url).host, pid: berth.pid },
    {
      pages,
      seconds: Number(values.seconds),
      pushesPerSecond: Number(values.pushes),
      distinct: values.distinct,
    },
  );
  const heads = ["", "first, ms", "p50, ms", "p99, ms", "CPU, ms", "requests/s", "RSS"];
  process.stdout.write(`${formatTable(heads, rows)}\n\nRSS at the start: ${inMiB(idle)}\n`);
} finally {
  await berth.stop();
}
