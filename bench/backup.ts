/**
 * Measures backups: fills a registry with large layers and small blobs, then runs `berth backup` and `berth restore`, and
 * extrapolates to 100 GB. README.md explains the figures.
 */
import { execFileSync } from "node:child_process";
import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { startBerth, type Berth } from "./support/berth.ts";
import { formatTable, MiB } from "./support/table.ts";

const { values: options } = parseArgs({
  options: {
    /** The sum of the large layers, of 64 MiB each. */
    mib: { type: "string", default: "2048" },
    /** The number of small blobs, of 4 KiB each. */
    small: { type: "string", default: "5000" },
    /** The parent of the folders. It needs disk space for three copies. */
    folder: { type: "string", default: tmpdir() },
  },
});

const layerBytes = 64 * MiB;
const smallBytes = 4 * 1024;
const atOnce = 8;
const extrapolatedBytes = 100e9;
const program = path.join(import.meta.dirname, "../dist/main.js");

/** Bytes that do not compress and are not equal to others. */
const newBytes = (size: number): Buffer =>
  createCipheriv("aes-256-ctr", randomBytes(32), Buffer.alloc(16)).update(Buffer.alloc(size));

async function push({ url }: Berth, body: Buffer): Promise<void> {
  const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
  const target = `${url}/v2/bench/backup/blobs/uploads/?digest=${digest}`;
  const headers = { "Content-Type": "application/octet-stream" };
  const { status } = await fetch(target, { method: "POST", headers, body });
  if (status !== 201) throw new Error(`a push was answered with ${status}`);
}

async function fill(berth: Berth, sizes: number[]): Promise<void> {
  const worker = async (): Promise<void> => {
    for (let size = sizes.pop(); size !== undefined; size = sizes.pop())
      await push(berth, newBytes(size));
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

function run(...args: readonly string[]): number {
  const began = performance.now();
  execFileSync(process.execPath, [program, ...args], {
    env: { PATH: process.env["PATH"] },
    stdio: ["ignore", "ignore", "inherit"],
  });
  return (performance.now() - began) / 1_000;
}

const folder = mkdtempSync(path.join(options.folder, "berth-bench-"));
const inside = (name: string): string => path.join(folder, name);
try {
  const layers = Math.round((Number(options.mib) * MiB) / layerBytes);
  const berth = await startBerth({ data: inside("data") });
  try {
    await fill(berth, [
      ...Array.from({ length: Number(options.small) }, () => smallBytes),
      ...Array.from({ length: layers }, () => layerBytes),
    ]);
    const bytes = layers * layerBytes + Number(options.small) * smallBytes;
    const copy = ["backup", "create", inside("copy"), "--data", inside("data")];
    const link = ["backup", "create", inside("link"), "--data", inside("data"), "--link"];
    const phases: readonly (readonly [string, readonly string[], boolean])[] = [
      ["create, all blobs are new", copy, true],
      ["create, no blob is new", copy, false],
      ["create --link", link, false],
      ["verify", ["backup", "verify", inside("link")], true],
      ["verify --quick", ["backup", "verify", inside("link"), "--quick"], false],
      ["restore", ["restore", inside("copy"), "--data", inside("restored")], true],
    ];
    const rows = phases.map(([name, args, readsBytes]) => {
      const seconds = run(...args);
      const speed = bytes / 1e6 / seconds;
      const minutes = (extrapolatedBytes / 1e6 / speed / 60).toFixed(0);
      return [
        ...[name, String(bytes), seconds.toFixed(1)],
        ...(readsBytes ? [speed.toFixed(0), `${minutes} min`] : ["", "by the number of blobs"]),
      ];
    });
    console.log(formatTable(["command", "bytes", "s", "MB/s", "100 GB, extrapolated"], rows));
    console.log(
      `\n${layers} layers of 64 MiB and ${options.small} blobs of 4 KiB, ${availableParallelism()} cores, Node ${process.versions.node}, an idle server beside`,
    );
  } finally {
    await berth.stop();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
