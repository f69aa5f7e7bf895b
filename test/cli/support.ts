import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import process from "node:process";
import { databaseSettings, emptyDatabaseSettings } from "../support/database.ts";
import { isPostgresTested } from "../support/postgres.ts";

const root = path.join(import.meta.dirname, "../..");

export interface Ended {
  /** `null` if a signal ended the process. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** All of standard output when it contains `text`; rejects if the process ends before. */
  readonly until: (text: string) => Promise<string>;
  readonly ended: Promise<Ended>;
}

/**
 * Starts the command line that `test/run.mjs` has built, with `input` on standard input. The process gets only the given
 * `BERTH_…` variables.
 */
export async function launch(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  input?: string,
): Promise<Running> {
  const settings = await environmentOf(args, env);
  const child = spawn(process.execPath, ["dist/main.js", ...args], {
    cwd: root,
    env: { ...inherited(), ...settings, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => undefined).end(input);
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = once(child, "close").then(([code]: unknown[]) => ({
    code: typeof code === "number" ? code : null,
    stdout,
    stderr,
  }));
  const until = async (text: string): Promise<string> => {
    while (!stdout.includes(text)) {
      const more = await Promise.race([once(child.stdout, "data"), ended]);
      if ("code" in more) throw new Error(`ended before "${text}": ${JSON.stringify(more)}`);
    }
    return stdout;
  };
  return { child, until, ended };
}

/** The environment of this process without its `BERTH_…` variables. */
const inherited = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([variable]) => !variable.startsWith("BERTH_")),
  );

/** The environment of a command on a data folder, with no `BERTH_…` variables but those for the folder's database. */
export const commandEnvironment = async (data: string): Promise<NodeJS.ProcessEnv> => ({
  ...inherited(),
  ...variablesOf(await databaseSettings(data)),
});

/** The variables for the database of the data folder that a command names. */
async function environmentOf(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<NodeJS.ProcessEnv> {
  const data = args.includes("--data") ? args[args.indexOf("--data") + 1] : env["BERTH_DATA"];
  const isGiven = env["BERTH_DATABASE_URL"] !== undefined;
  if (data === undefined || isGiven || env["BERTH_STORAGE_DRIVER"] === "memory") return {};
  return variablesOf(await databaseSettings(data));
}

/** The environment variables for configuration keys: `database.listsMaxAge` is `BERTH_DATABASE_LISTS_MAX_AGE`. */
export const variablesOf = (settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [
      `BERTH_${key.replaceAll(/[A-Z]/g, "_$&").replaceAll(".", "_").toUpperCase()}`,
      value,
    ]),
  );

/** Configuration keys as a configuration file has them: `database.url` is `url` in `database`. */
export function nested(settings: Readonly<Record<string, string>>): Record<string, unknown> {
  const found: Record<string, Record<string, string> | string> = {};
  for (const [key, value] of Object.entries(settings)) {
    const [section = "", name] = key.split(".");
    if (name === undefined) found[section] = value;
    else found[section] = { ...(found[section] as Record<string, string>), [name]: value };
  }
  return found;
}

/** The variables for a database without a registry: none with SQLite, whose database is in the data folder. */
export const emptyDatabase = async (): Promise<NodeJS.ProcessEnv> =>
  variablesOf(await emptyDatabaseSettings());

/** The error of a command when the data folder, or the database of {@link emptyDatabase}, has no registry. */
export const noRegistryIn = (data: string): RegExp => {
  const place = isPostgresTested ? "the database of database.url" : data;
  return new RegExp(`^berth: there is no registry in ${place}: start "berth serve" once`);
};

/** Runs a command and waits until it exits. */
export async function berth(
  args: readonly string[],
  env?: NodeJS.ProcessEnv,
  input?: string,
): Promise<Ended> {
  return await (
    await launch(args, env, input)
  ).ended;
}

/** A temporary folder; an `after` hook removes it. */
export async function createFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "berth-cli-"));
  after(() => rm(folder, { recursive: true }));
  return folder;
}
