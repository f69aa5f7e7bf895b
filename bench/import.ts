/**
 * Measures `berth import distribution --in-place` of a folder that this program writes, then pulls of its images with crane,
 * and beside it `skopeo sync` of a part of the same folder from a running distribution. README.md explains the figures.
 */
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { startDistribution } from "../test/support/distribution.ts";
import { DistributionWriter } from "../test/support/distribution-folder.ts";
import { startBerth } from "./support/berth.ts";
import { formatTable, MiB } from "./support/table.ts";

const { values: options } = parseArgs({
  options: {
    /** Images: a base layer of 1 MiB that 500 images share, and a layer of 4 KiB. Ten images are tags of one repository. */
    images: { type: "string", default: "10000" },
    /** Images that crane pulls after the import. */
    pulls: { type: "string", default: "100" },
    /** Images that `skopeo sync` copies. */
    synced: { type: "string", default: "1000" },
    /** The parent of the folders. */
    folder: { type: "string", default: tmpdir() },
  },
});

const program = path.join(import.meta.dirname, "../dist/main.js");
const [images, pulls, synced] = [options.images, options.pulls, options.synced].map(Number) as [
  number,
  number,
  number,
];
const folder = mkdtempSync(path.join(options.folder, "berth-bench-"));
const inside = (name: string): string => path.join(folder, name);
const repositoryOf = (image: number): string =>
  `team${Math.floor(image / 200)}/app${Math.floor(image / 10) % 20}`;
const tagOf = (image: number): string => `1.${image % 10}`;

/** Writes `count` images as distribution would. */
function fill(root: string, count: number): DistributionWriter {
  const writer = new DistributionWriter(root);
  const bases = Array.from({ length: 20 }, () => randomBytes(MiB));
  for (let image = 0; image < count; image += 1) {
    const base = bases[image % bases.length] ?? randomBytes(MiB);
    writer.putImage(repositoryOf(image), [base, randomBytes(4096)], tagOf(image));
  }
  return writer;
}

interface Run {
  readonly seconds: number;
  /** The largest resident memory, in MiB, as of the last 50 ms. */
  readonly peakMiB: number;
}

async function run(command: string, args: readonly string[]): Promise<Run> {
  const began = performance.now();
  const child = spawn(command, args, {
    env: { PATH: process.env["PATH"], HOME: folder },
    stdio: command === "skopeo" ? "ignore" : ["ignore", "inherit", "inherit"],
  });
  let peakMiB = 0;
  const watch = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      peakMiB = Math.max(peakMiB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
    } catch {
      // The process has ended.
    }
  }, 50);
  const [code] = (await once(child, "close")) as [number | null];
  clearInterval(watch);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: exit code ${code}`);
  return { seconds: (performance.now() - began) / 1_000, peakMiB };
}

const berth = (...args: readonly string[]): Promise<Run> =>
  run(process.execPath, [program, ...args]);

async function pullRandom(host: string): Promise<number> {
  const began = performance.now();
  for (let pull = 0; pull < pulls; pull += 1) {
    const image = Math.floor(Math.random() * images);
    const name = `${host}/${repositoryOf(image)}:${tagOf(image)}`;
    execFileSync("crane", ["pull", "--insecure", name, inside("pulled.tar")]);
  }
  return (performance.now() - began) / 1_000;
}

async function sync(): Promise<Run> {
  const old = await startDistribution(inside("old"));
  const berthThere = await startBerth({ data: inside("synced") });
  try {
    fill(old.folder, synced);
    const teams = new Map<string, Record<string, string[]>>();
    for (let image = 0; image < synced; image += 1) {
      const repository = repositoryOf(image);
      const team = path.dirname(repository);
      const names = teams.get(team) ?? {};
      teams.set(team, names);
      (names[repository] ??= []).push(tagOf(image));
    }
    const policy = inside("policy.json");
    writeFileSync(policy, JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }));
    const sum = { seconds: 0, peakMiB: 0 };
    // skopeo keeps only the last part of a name.
    for (const [team, names] of teams) {
      const list = inside("sync.yaml");
      // JSON is YAML.
      const source = { [`127.0.0.1:${old.port}`]: { "tls-verify": false, images: names } };
      writeFileSync(list, JSON.stringify(source));
      const args = [
        "--policy",
        policy,
        "sync",
        "--all",
        "--dest-tls-verify=false",
        "--src",
        "yaml",
      ];
      const target = `${new URL(berthThere.url).host}/${team}`;
      const { seconds, peakMiB } = await run("skopeo", [...args, "--dest", "docker", list, target]);
      sum.seconds += seconds;
      sum.peakMiB = Math.max(sum.peakMiB, peakMiB);
    }
    return sum;
  } finally {
    await berthThere.stop();
    await old.stop();
  }
}

try {
  const { folder: old } = fill(inside("registry"), images);
  const data = ["--data", inside("data")];
  await (await startBerth({ data: inside("data") })).stop();
  const inPlace = ["import", "distribution", old, "--in-place", ...data];
  const rows: [string, Run][] = [
    ["dry run", await berth(...inPlace, "--dry-run")],
    ["import in place", await berth(...inPlace)],
    ["again, nothing is new", await berth(...inPlace)],
    ["berth check", await berth("check", ...data)],
  ];
  const server = await startBerth({ data: inside("data") });
  try {
    const seconds = await pullRandom(new URL(server.url).host);
    rows.push([`crane pull of ${pulls} random images`, { seconds, peakMiB: 0 }]);
  } finally {
    await server.stop();
  }
  if (synced > 0) rows.push([`skopeo sync of ${synced} images`, await sync()]);
  const cells = rows.map(([name, { seconds, peakMiB }]) => [
    name,
    seconds.toFixed(1),
    peakMiB === 0 ? "" : peakMiB.toFixed(0),
  ]);
  process.stdout.write(formatTable(["phase", "s", "peak RSS, MiB"], cells));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
