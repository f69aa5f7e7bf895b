import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { run, type Tool } from "./command.ts";
import { createRegistryReader, type RegistryReader } from "./registry-reader.ts";
import { atEnd, createScratch, endProcess, untilReady } from "./scratch.ts";

const program = path.join(import.meta.dirname, "../../../dist/main.js");
const listening = /listens on http:\/\/(127\.0\.0\.1:\d+)/;

export type Berth = RegistryReader & {
  /** `127.0.0.1:PORT`, the first part of an image's name. */
  host: string;
  /** Runs a command of Berth's own on its data folder. */
  berth: Tool;
};

/** Of the administrator of a Berth that is not open. */
export const adminPassword = "correct horse battery";

interface Options {
  readonly sparse?: boolean;
  /** `false`: with accounts, and an administrator `admin` with {@link adminPassword}. */
  readonly open?: boolean;
  /** More settings, as environment variables. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** The storage that `npm run s3` gives to everybody, with a place of its own in it. */
function storageOf(folder: string): Record<string, string> {
  const given = Object.entries(process.env).flatMap(([name, value]) =>
    name.startsWith("BERTH_STORAGE_") && value !== undefined ? [[name, value] as const] : [],
  );
  if (given.length === 0) return {};
  return { ...Object.fromEntries(given), BERTH_STORAGE_S3_PREFIX: path.basename(folder) };
}

/**
 * A Berth of its own, on an empty data folder and a free port, ended after the file's last test.
 * `REGISTRY=host:port` in the environment puts another registry in its place, to look into a failure.
 */
export async function startBerth({
  sparse = false,
  open = true,
  settings = {},
}: Options = {}): Promise<Berth> {
  const other = process.env["REGISTRY"];
  if (other !== undefined && other !== "") {
    const berth = (): never => assert.fail("another registry has no commands of Berth's");
    return { host: other, berth, ...createRegistryReader(other) };
  }

  const folder = createScratch("berth");
  const log = path.join(folder, "berth.log");
  const output = openSync(log, "w");
  const child = spawn(
    process.execPath,
    [program, "serve", "--data", path.join(folder, "data"), "--listen", "127.0.0.1:0"],
    {
      cwd: folder,
      env: {
        ...{ PATH: process.env["PATH"], BERTH_SPARSE: String(sparse) },
        ...storageOf(folder),
        ...(open ? { BERTH_AUTH_OPEN: "true" } : { BERTH_AUTH_ADMIN_PASSWORD: adminPassword }),
        ...settings,
      },
      stdio: ["ignore", output, output],
    },
  );
  closeSync(output);
  const pid = child.pid;
  if (pid === undefined) throw new Error("node could not be started");
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  atEnd(async () => {
    const asked = await endProcess(pid, { waitSeconds: 40 });
    if (!asked) throw new Error(`Berth ignored SIGTERM:\n${readFileSync(log, "utf8")}`);
    await ended;
    if (child.exitCode !== 0) {
      throw new Error(`Berth ended with ${child.exitCode}:\n${readFileSync(log, "utf8")}`);
    }
  });
  await untilReady(child, log, () => listening.test(readFileSync(log, "utf8")));
  const host = listening.exec(readFileSync(log, "utf8"))?.[1] ?? "";
  const data = ["--data", path.join(folder, "data")];
  const berth: Tool = (...args) => run(process.execPath, [program, ...args, ...data]);
  return { host, berth, ...createRegistryReader(host) };
}
