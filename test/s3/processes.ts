import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { createS3Store } from "../../storage/s3/store.ts";
import { settingsFor } from "../storage/s3/settings.ts";
import { atEnd, endProcess, untilReady } from "../clients/support/scratch.ts";

const program = path.join(import.meta.dirname, "../../dist/main.js");
const endpoint = process.env["BERTH_STORAGE_S3_ENDPOINT"] ?? "";
const MiB = 2 ** 20;

export interface Process {
  readonly url: string;
  /** The output and the log of the process. */
  readonly said: () => string;
  /** Sends SIGKILL and waits for the end of the process. */
  kill(): Promise<void>;
}

const storage = (prefix: string): Record<string, string> => ({
  ...Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      name.startsWith("BERTH_STORAGE_") && value !== undefined ? [[name, value]] : [],
    ),
  ),
  BERTH_STORAGE_S3_PREFIX: prefix,
  BERTH_STORAGE_S3_PART_SIZE: "5MiB",
});

/** Starts `berth serve` on a data folder and a prefix in the bucket. It is stopped after the last test of the file. */
export async function startProcess(
  data: string,
  prefix: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Process> {
  const log = path.join(path.dirname(data), `${prefix}-${Math.random()}.log`);
  const output = openSync(log, "w");
  const child = spawn(
    process.execPath,
    [program, "serve", "--open", "--data", data, "--listen", "127.0.0.1:0"],
    {
      env: { PATH: process.env["PATH"], ...storage(prefix), ...env },
      stdio: ["ignore", output, output],
    },
  );
  closeSync(output);
  const said = (): string => readFileSync(log, "utf8");
  const listening = /listens on (http:\/\/127\.0\.0\.1:\d+)/;
  await untilReady(child, log, () => listening.test(said()));
  atEnd(async () => {
    await endProcess(child.pid ?? 0, { waitSeconds: 40 });
  });
  const kill = async (): Promise<void> => {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
  return { url: listening.exec(said())?.[1] ?? "", said, kill };
}

/** Runs a maintenance command to its end. */
export async function runCommand(
  command: readonly string[],
  data: string,
  prefix: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: unknown; readonly output: string }> {
  const child = spawn(process.execPath, [program, ...command, "--data", data], {
    env: { PATH: process.env["PATH"], ...storage(prefix), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (text) => (output += text));
  child.stderr.on("data", (text) => (output += text));
  const [code] = (await once(child, "close")) as unknown[];
  return { code, output };
}

/** Opens the storage driver on the same prefix, to list its objects. */
export const openStore = (prefix: string) =>
  createS3Store(settingsFor(endpoint, { prefix: `${prefix}/`, partSize: 5 * MiB }));
