/**
 * Measures transfers in bounded memory: pushes and pulls a layer of 4 GiB, then runs 50 concurrent uploads. Berth has a
 * heap of 128 MiB in a control group of 256 MiB. README.md explains the figures.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs, promisify } from "node:util";
import { memoryOf, resetPeak, startBerth, type Berth } from "./support/berth.ts";
import { watchHealth } from "./support/health.ts";
import { createMemoryCgroup, type MemoryCgroup } from "./support/memory-cgroup.ts";
import { formatTable, inMiB, inMs, MiB } from "./support/table.ts";

const { values: options } = parseArgs({
  options: {
    /** The size of the large layer. */
    mib: { type: "string", default: "4096" },
    uploads: { type: "string", default: "50" },
    /** The size of each concurrent upload. */
    "upload-mib": { type: "string", default: "40" },
    "heap-mib": { type: "string", default: "128" },
    "group-mib": { type: "string", default: "256" },
    /** The parent of the data folder. It needs disk space for all pushed bytes. */
    folder: { type: "string", default: tmpdir() },
    /** Additional Node options for the server, such as --cpu-prof. */
    node: { type: "string", multiple: true, default: [] },
  },
});

interface Phase {
  readonly name: string;
  readonly sizeBytes: number;
  readonly work: () => Promise<{ readonly seconds: number; readonly note: string }>;
}

const run = promisify(execFile);

async function client<T>(...args: readonly (string | number)[]): Promise<T> {
  const { stdout } = await run(process.execPath, [
    "--import",
    path.join(import.meta.dirname, "../test/support/register.mjs"),
    path.join(import.meta.dirname, "byte-client.ts"),
    ...args.map(String),
  ]);
  return JSON.parse(stdout) as T;
}

function phases({ url }: Berth): readonly Phase[] {
  const sizeBytes = Number(options.mib) * MiB;
  const uploads = Number(options.uploads);
  const uploadBytes = Number(options["upload-mib"]) * MiB;
  let digest = "";
  return [
    {
      name: `push of ${options.mib} MiB (PATCH, PUT)`,
      sizeBytes,
      work: async () => {
        const pushed = await client<{ digest: string; bodySeconds: number; closeSeconds: number }>(
          "push",
          url,
          "bench/large",
          sizeBytes,
          0,
        );
        digest = pushed.digest;
        const [body, close] = [pushed.bodySeconds, pushed.closeSeconds];
        return {
          seconds: body + close,
          note: `PATCH ${body.toFixed(1)} s, PUT ${close.toFixed(1)} s`,
        };
      },
    },
    {
      name: `pull of ${options.mib} MiB`,
      sizeBytes,
      work: async () => {
        const pulled = await client<{ seconds: number }>(
          "pull",
          url,
          "bench/large",
          digest,
          sizeBytes,
        );
        return { ...pulled, note: "hash checked" };
      },
    },
    {
      name: `${uploads} uploads of ${options["upload-mib"]} MiB at once`,
      sizeBytes: uploads * uploadBytes,
      work: async () => {
        const done = await client<{ seconds: number }>(
          "swarm",
          url,
          "bench/swarm",
          uploadBytes,
          uploads,
        );
        return { ...done, note: "all 201" };
      },
    },
  ];
}

async function measure(berth: Berth, group: MemoryCgroup, phase: Phase): Promise<string[]> {
  resetPeak(berth.pid);
  const health = watchHealth(berth.url);
  const { seconds, note } = await phase.work();
  const { p50Ms, p99Ms, maxMs, failures } = await health.end();
  const waits = `${inMs(p50Ms)} / ${inMs(p99Ms)} / ${inMs(maxMs)}`;
  return [
    phase.name,
    String(phase.sizeBytes),
    seconds.toFixed(1),
    (phase.sizeBytes / 1e6 / seconds).toFixed(0),
    inMiB(memoryOf(berth.pid, "VmHWM")),
    String(group.oomKills()),
    failures === 0 ? waits : `${waits}, ${failures} failed`,
    note,
  ];
}

const data = mkdtempSync(path.join(options.folder, "berth-bench-"));
const group = createMemoryCgroup(Number(options["group-mib"]) * MiB);
try {
  const berth = await startBerth({
    data,
    nodeOptions: [`--max-old-space-size=${options["heap-mib"]}`, ...options.node],
    processList: group.processList,
  });
  const rows: string[][] = [];
  try {
    for (const phase of phases(berth)) rows.push(await measure(berth, group, phase));
  } finally {
    await berth.stop();
  }
  const heads = ["work", "bytes", "s", "MB/s", "peak RSS", "oom_kill", "/healthz p50 / p99 / max"];
  console.log(formatTable([...heads, "note"], rows));
  console.log(
    `\n${availableParallelism()} cores with the client on the same, Node ${process.versions.node}, heap ${options["heap-mib"]} MiB, ` +
      `memory cgroup v${group.version} of ${options["group-mib"]} MiB (peak with page cache ${inMiB(group.peakBytes())})`,
  );
  if (group.oomKills() !== 0) process.exitCode = 1;
} finally {
  await group.remove();
  rmSync(data, { recursive: true, force: true });
}
