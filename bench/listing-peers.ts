/**
 * Measures the listings of other registries with the same repository names: `node … bench/listing-peers.ts --folder
 * FOLDER [--distribution PATH] [--zot PATH]`. The first run fills the folder.
 */
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { measurePages } from "./listing/measure.ts";
import { distributionPages, fillDistribution, fillZot, zotPages } from "./listing/peers.ts";
import type { Pages } from "./listing/pages.ts";
import { createDistribution, createZot } from "./servers/peers.ts";
import { startServer, type Server } from "./servers/program.ts";
import { memoryOf } from "./support/processes.ts";
import { formatTable, inMiB } from "./support/table.ts";

const { values } = parseArgs({
  options: {
    folder: { type: "string" },
    distribution: { type: "string" },
    zot: { type: "string" },
    repositories: { type: "string", default: "100000" },
    /** The number of repositories for zot. It reads all of them at its start. */
    "zot-repositories": { type: "string", default: "100000" },
    seconds: { type: "string", default: "3" },
  },
});
if (values.folder === undefined) throw new Error("say which --folder");
const home = values.folder;

async function show(
  server: Server,
  pages: Readonly<Record<string, Pages>>,
  fill: (data: string) => void,
): Promise<void> {
  const folder = path.join(home, server.name);
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true });
    fill(path.join(folder, "data"));
  }
  const running = await startServer(server, folder, { patienceMs: 600_000 });
  try {
    const idle = memoryOf(running.pid, "VmRSS");
    const times = await measurePages(running, {
      ...{ pages: Object.entries(pages), seconds: Number(values.seconds) },
      ...{ clients: 16, pushesPerSecond: 0, distinct: false },
    });
    const rows = times.map(({ name, firstMs, p50Ms, p99Ms, cpuMs, perSecond, rssBytes }) => [
      ...[name, firstMs.toFixed(1), p50Ms.toFixed(1), p99Ms.toFixed(1), cpuMs.toFixed(2)],
      ...[perSecond.toFixed(0), inMiB(rssBytes)],
    ]);
    const heads = [`${server.name} ${server.version}`, "first, ms", "p50, ms", "p99, ms"];
    const table = formatTable([...heads, "CPU, ms", "requests/s", "RSS"], rows);
    const start = `${(running.startMs / 1000).toFixed(1)} s`;
    process.stdout.write(`${table}\n\nstart ${start}, RSS at the start ${inMiB(idle)}\n\n`);
  } finally {
    await running.stop();
  }
}

if (values.distribution !== undefined)
  await show(createDistribution(values.distribution), distributionPages, (data) =>
    fillDistribution(data, Number(values.repositories), 100_000),
  );
if (values.zot !== undefined)
  await show(createZot(values.zot, { search: { enable: true } }), zotPages, (data) =>
    fillZot(data, Number(values["zot-repositories"])),
  );
