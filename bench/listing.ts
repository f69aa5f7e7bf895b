/**
 * Lists and searches of a large registry: `node … bench/listing.ts --data FOLDER`, on what `npm run seed` has made. Each
 * by 16 clients; the figures are milliseconds of one request, and memory of the server. Where others use the machine,
 * CPU is the figure to go by: what the server itself spends on one.
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
    /** Manifests that are pushed each second meanwhile, so that no page stays as it is for long. */
    pushes: { type: "string", default: "0" },
    /** Every request a little different, so that no answer is kept. */
    distinct: { type: "boolean", default: false },
    /** Only what has this in its name. */
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
