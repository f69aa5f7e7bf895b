import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { Server } from "./program.ts";

const probe = path.join(import.meta.dirname, "berth-probe.mjs");

export const repository = path.join(import.meta.dirname, "../..");

export interface BerthOptions {
  /** Default: `berth`, or `postgres` with `createDatabase`. */
  readonly name?: string;
  /** An empty folder for a copy of `dist`, so that a build during the run has no effect. */
  readonly programFolder: string;
  /** The folder of the build and its packages; default: this repository. */
  readonly build?: string;
  /** The commit of the build; default: that of this repository. */
  readonly version?: string;
  readonly nodeOptions: readonly string[];
  /** Options of `berth serve` in place of `--open`. */
  readonly serveOptions: readonly string[];
  /** Settings as environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Creates a database in PostgreSQL for each start; without it, SQLite in the data folder. */
  readonly createDatabase?: () => string;
}

/** Berth from `dist`, as built by `npm run build`. */
export function createBerth(options: BerthOptions): Server {
  const { programFolder, build = repository, nodeOptions, serveOptions } = options;
  const dist = path.join(build, "dist");
  if (!existsSync(dist)) throw new Error("there is no dist: npm run build");
  cpSync(dist, path.join(programFolder, "dist"), { recursive: true });
  for (const name of ["node_modules", "migrations", "package.json"])
    symlinkSync(path.join(build, name), path.join(programFolder, name));
  const program = path.join(programFolder, "dist/main.js");
  const databaseOf = (port: number): Readonly<Record<string, string>> =>
    options.createDatabase === undefined
      ? {}
      : {
          BERTH_DATABASE_URL: options.createDatabase(),
          BERTH_PUBLIC_URL: `http://127.0.0.1:${port}`,
          BERTH_AUTH_KEY_SECRET: randomBytes(24).toString("hex"),
        };
  const serve = (flags: readonly string[], env: Readonly<Record<string, string>>): Server => ({
    name: options.name ?? (options.createDatabase === undefined ? "berth" : "postgres"),
    version: options.version ?? commitOf(),
    probed: true,
    program: (folder, port, watched) => ({
      command: process.execPath,
      args: [...nodeOptions].concat(
        watched ? ["--import", pathToFileURL(probe).href] : [],
        [program, "serve", ...flags],
        ["--data", path.join(folder, "data"), "--listen", `127.0.0.1:${port}`],
      ),
      env: {
        BERTH_LOG_LEVEL: "error",
        PROBE_FOLDER: folder,
        ...databaseOf(port),
        ...options.env,
        ...env,
      },
    }),
  });
  const secret = randomBytes(12).toString("hex");
  return {
    ...serve(serveOptions.length > 0 ? serveOptions : ["--open"], {}),
    guarded: { server: serve([], { BERTH_AUTH_ADMIN_PASSWORD: secret }), secret },
  };
}

/** The commit of the working tree, abbreviated. */
export const commitOf = (): string => git("rev-parse", "--short", "HEAD");

/** Whether the working tree differs from the commit in a file that affects the measurement. */
export function hasChanges(): boolean {
  return git("status", "--porcelain", "--", "src", "storage", "migrations", "build.mjs") !== "";
}

/** Runs git in this repository, and returns its output without the last line break. */
export function git(...args: readonly string[]): string {
  return execFileSync("git", args, { cwd: repository }).toString().trim();
}

export interface Delays {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/**
 * Returns the event-loop delays since the last call, of the process with the highest ones. berth-probe.mjs writes the
 * files.
 */
export async function takeDelays(folder: string, pids: readonly number[]): Promise<Delays> {
  const seen: Delays[] = [];
  for (const pid of pids) {
    const file = path.join(folder, `delays-${pid}.json`);
    rmSync(file, { force: true });
    process.kill(pid, "SIGUSR2");
    for (let waited = 0; !existsSync(file) && waited < 5000; waited += 5) await pause(5);
    seen.push(JSON.parse(readFileSync(file, "utf8")) as Delays);
  }
  const worst = (of: (delays: Delays) => number): number => Math.max(...seen.map(of));
  return {
    p50Ms: worst((delays) => delays.p50Ms),
    p99Ms: worst((delays) => delays.p99Ms),
    maxMs: worst((delays) => delays.maxMs),
  };
}
