import { mkdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";

const folder = process.env["FAULTS_SCRATCH"];
if (folder === undefined) throw new Error("the faults are run by `npm run faults`");

/** The folder of this run. `run.sh` removes it and all mounts below it. */
export const scratch: string = folder;

/** Whether to run more rounds, as `npm run faults -- --long` does. */
export const long = process.env["FAULTS_LONG"] === "1";

let last = 0;

/** Returns a path that was not used before. */
export function newPath(name: string): string {
  last += 1;
  return path.join(scratch, `${name}-${process.pid}-${last}`);
}

export function newFolder(name: string): string {
  const made = newPath(name);
  mkdirSync(made);
  return made;
}
