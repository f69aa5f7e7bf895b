/**
 * Folders and processes of one test file. They are removed and ended after the last test of the file. `run.sh` cleans
 * up after a file that was killed: all folders are below BERTH_CLIENTS_SCRATCH, and every process has this path in its
 * arguments or environment.
 */
import { execFileSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { after } from "node:test";

const given = process.env["BERTH_CLIENTS_SCRATCH"];
const root = given ?? mkdtempSync(path.join(tmpdir(), "berth-clients-"));
const folders: string[] = given === undefined ? [root] : [];
const endings: (() => Promise<void> | void)[] = [];

/** The folder that clients use as TMPDIR. */
export function temporaryFolder(): string {
  return root;
}

export function createScratch(name: string): string {
  const folder = mkdtempSync(path.join(root, `${name}-`));
  folders.push(folder);
  return folder;
}

/** Registers a callback for the time after the last test of this file. The last callback runs first. */
export function atEnd(ending: () => Promise<void> | void): void {
  endings.push(ending);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Ends a process by its id: SIGTERM, then SIGKILL after `waitSeconds`. Resolves with whether SIGTERM was enough. */
export async function endProcess(pid: number, { waitSeconds = 20 } = {}): Promise<boolean> {
  if (isRunning(pid)) process.kill(pid, "SIGTERM");
  const asked = await gone(pid, waitSeconds);
  if (!asked) {
    process.kill(pid, "SIGKILL");
    await gone(pid, 10);
  }
  return asked;
}

async function gone(pid: number, seconds: number): Promise<boolean> {
  const deadline = Date.now() + seconds * 1000;
  while (isRunning(pid)) {
    if (Date.now() > deadline) return false;
    await pause(50);
  }
  return true;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits until `ready` returns true. Throws with the text of the file `log` if `child` exits, or after 60 s. */
export async function untilReady(
  child: ChildProcess,
  log: string,
  ready: () => Promise<boolean> | boolean,
): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await ready())) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`${child.spawnfile} did not start:\n${readFileSync(log, "utf8")}`);
    }
    await pause(100);
  }
}

function unmountBelow(folder: string): void {
  const points = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((point) => point === folder || point.startsWith(`${folder}/`));
  for (const point of points.toReversed()) execFileSync("umount", ["-l", point]);
}

after(async () => {
  const problems: unknown[] = [];
  for (const ending of endings.toReversed()) {
    try {
      await ending();
    } catch (error) {
      problems.push(error);
    }
  }
  for (const folder of folders.toReversed()) {
    unmountBelow(folder);
    rmSync(folder, { recursive: true, force: true });
  }
  if (problems.length > 0) throw new AggregateError(problems, "the end did not go cleanly");
});
