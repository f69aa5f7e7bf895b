import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";

/** Creates a temporary folder. It is removed when the process of the test file exits, after all hooks. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "berth-"));
  folders.push(folder);
  return folder;
}

const folders: string[] = [];
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
