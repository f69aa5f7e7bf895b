/** Measures Berth's start time and its memory without requests. Exits with 1 if one exceeds its limit. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { memoryOf, startBerth } from "./support/berth.ts";
import { statusOf } from "./support/health.ts";
import { formatTable, inMiB, inMs, medianOf, MiB } from "./support/table.ts";

const runs = 7;
const idleMs = 2_000;
const mostStartMs = 500;
const mostIdleBytes = 100 * MiB;

async function once(): Promise<{ readonly startMs: number; readonly idleBytes: number }> {
  const data = mkdtempSync(path.join(tmpdir(), "berth-bench-"));
  try {
    const berth = await startBerth({ data });
    try {
      const status = await statusOf(`${berth.url}/v2/`);
      const startMs = performance.now() - berth.spawnedAtMs;
      if (status !== 200) throw new Error(`the first answer was ${status}`);
      await pause(idleMs);
      return { startMs, idleBytes: memoryOf(berth.pid, "VmRSS") };
    } finally {
      await berth.stop();
    }
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

const seen: Awaited<ReturnType<typeof once>>[] = [];
for (let run = 0; run < runs; run += 1) seen.push(await once());

const starts = seen.map(({ startMs }) => startMs);
const idles = seen.map(({ idleBytes }) => idleBytes);
const [start, idle] = [medianOf(starts), medianOf(idles)];
const row = (
  name: string,
  values: readonly number[],
  most: number,
  format: (value: number) => string,
): string[] => [
  name,
  format(Math.min(...values)),
  format(medianOf(values)),
  format(Math.max(...values)),
  `< ${format(most)}`,
];
console.log(
  formatTable(
    [`of ${runs} starts`, "least", "median", "most", "must be"],
    [
      row("spawn to first 200 on /v2/", starts, mostStartMs, inMs),
      row("RSS idle after 2 s", idles, mostIdleBytes, inMiB),
    ],
  ),
);
if (start >= mostStartMs || idle >= mostIdleBytes) process.exitCode = 1;
