import { open, rm, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { mock } from "node:test";
import { temporaryFolder } from "./temporary.ts";

/**
 * Makes the next fdatasync of this process fail with EIO, as on a failing disk. The store starts one after 8 MiB of an
 * upload. `npm run faults` injects the same failure into system calls, but needs root.
 */
export async function failNextFlush(): Promise<void> {
  const file = path.join(temporaryFolder(), "any");
  const handle = await open(file, "w");
  const fileHandle = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  await rm(file);
  const failure = Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" });
  mock.method(fileHandle, "datasync", () => Promise.reject(failure), { times: 1 });
}
