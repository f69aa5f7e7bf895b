import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";

/** A folder of its own that is removed when the test file ends: whatever was opened on it has been closed by then. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "berth-"));
  folders.push(folder);
  return folder;
}

const folders: string[] = [];
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
