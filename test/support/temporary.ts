import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";

/** A folder of its own that is removed when the test file, or the test that asks for it, ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "berth-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
