import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { createBerth } from "../servers/berth.ts";
import { runSql } from "../servers/postgres.ts";
import { startServer, type RunningServer, type Server } from "../servers/program.ts";
import { memoryOf } from "../support/berth.ts";
import { fillPostgres } from "./fill-postgres.ts";
import { fillSqlite } from "./fill-sqlite.ts";
import { samplesOf, stockOf, type Sample, type Stock } from "./stock.ts";

/** A data folder, or a data folder and a PostgreSQL database, with a stock of images. */
export interface Registry {
  readonly folder: string;
  readonly stock: Stock;
  /** The images whose blobs have files. */
  readonly samples: readonly Sample[];
  readonly databaseUrl: string | undefined;
  readonly start: (patienceMs?: number) => Promise<RunningServer>;
  /** Runs a command of Berth. Gives each line of its output to `onLine`. */
  readonly command: (args: readonly string[], onLine: (line: string) => void) => Promise<Ran>;
  /** The bytes of the database: its files, or its size in PostgreSQL. */
  readonly databaseBytes: () => number;
}

export interface Ran {
  readonly seconds: number;
  readonly peakBytes: number;
  readonly code: number | null;
}

export interface RegistryOptions {
  /** A folder of this registry alone. */
  readonly folder: string;
  /** An empty folder for a copy of `dist`. */
  readonly programFolder: string;
  readonly nodeOptions: readonly string[];
  readonly databaseUrl?: string | undefined;
}

const sampledImages = 1_000;
/** The stock of the registry that counts as empty: the images that are pulled. */
const emptyImages = sampledImages;
/** The file that says what a folder has. There is none while it is filled. */
const mark = "stock.json";

/** Returns a function that fills the registry with `images` images, or with more of them than before. */
export function createFiller(options: RegistryOptions): (images: number) => Promise<Registry> {
  const { folder, databaseUrl } = options;
  const data = path.join(folder, "data");
  const program = createProgram(options);
  return async (images) => {
    const stock = stockOf(Math.max(images, emptyImages));
    const before = stockIn(folder);
    if (before !== undefined && before.images > stock.images)
      throw new Error(`${folder} has ${before.images} images already, and images are only added`);
    const samples = [...samplesOf(stock, sampledImages)];
    const registry = { folder, stock, samples, databaseUrl, ...program };
    if (before?.images === stock.images) return registry;
    // A start creates the database.
    if (before === undefined) await (await program.start()).stop();
    rmSync(path.join(folder, mark), { force: true });
    if (databaseUrl === undefined) fillSqlite(data, stock, before);
    else await fillPostgres(databaseUrl, stock, before);
    writeFiles(data, samples);
    writeFileSync(path.join(folder, mark), JSON.stringify({ images: stock.images }));
    return registry;
  };
}

function stockIn(folder: string): Stock | undefined {
  const file = path.join(folder, mark);
  if (existsSync(file))
    return stockOf((JSON.parse(readFileSync(file, "utf8")) as { images: number }).images);
  if (existsSync(path.join(folder, "data")))
    throw new Error(`${folder} was not filled to its end: delete it`);
  mkdirSync(folder, { recursive: true });
  return undefined;
}

function writeFiles(data: string, samples: readonly Sample[]): void {
  for (const { repository, image } of samples)
    for (const { key, bytes } of [repository.layer, image.config]) {
      const file = path.join(data, key);
      if (existsSync(file)) continue;
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, bytes);
    }
}

/** The server and the commands on the folder. Their settings are those of all starts, so the keys fit. */
function createProgram({ folder, programFolder, nodeOptions, databaseUrl }: RegistryOptions) {
  const data = path.join(folder, "data");
  const database: Readonly<Record<string, string>> =
    databaseUrl === undefined
      ? {}
      : {
          BERTH_DATABASE_URL: databaseUrl,
          BERTH_PUBLIC_URL: "http://127.0.0.1",
          BERTH_AUTH_KEY_SECRET: "the same secret at each start of this bench",
        };
  // A scrub would mark all blobs without a file as missing.
  const env = { ...database, BERTH_SCRUB_INTERVAL: "0s" };
  const server: Server = createBerth({ programFolder, nodeOptions, serveOptions: [], env });
  return {
    start: (patienceMs = 60_000) => startServer(server, folder, { patienceMs }),
    command: (args: readonly string[], onLine: (line: string) => void): Promise<Ran> =>
      run(
        [...nodeOptions, path.join(programFolder, "dist/main.js"), ...args, "--data", data],
        { ...env, BERTH_AUTH_OPEN: "true" },
        onLine,
      ),
    databaseBytes: () =>
      databaseUrl === undefined
        ? ["berth.db", "berth-counts.db"].reduce(
            (sum, name) => sum + statSync(path.join(data, name)).size,
            0,
          )
        : Number(runSql(databaseUrl, "SELECT pg_database_size(current_database())")),
  };
}

const looksEveryMs = 20;

async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  onLine: (line: string) => void,
): Promise<Ran> {
  const begunAtMs = performance.now();
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env["PATH"], BERTH_LOG_LEVEL: "error", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let peakBytes = 0;
  const look = setInterval(() => {
    try {
      if (child.pid !== undefined) peakBytes = memoryOf(child.pid, "VmHWM") || peakBytes;
    } catch {
      // It has just ended.
    }
  }, looksEveryMs);
  let rest = "";
  child.stdout.setEncoding("utf8");
  for await (const text of child.stdout) {
    const lines = `${rest}${String(text)}`.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
  clearInterval(look);
  const code =
    child.exitCode ?? (await new Promise<number | null>((resolve) => child.once("exit", resolve)));
  return { seconds: (performance.now() - begunAtMs) / 1000, peakBytes, code };
}
