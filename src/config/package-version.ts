import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

/** The version in package.json, which is in a parent folder of both `src` and `dist`. */
export function packageVersion(): string {
  let folder = import.meta.dirname;
  while (!existsSync(path.join(folder, "package.json"))) {
    const above = path.dirname(folder);
    if (above === folder) return "unknown";
    folder = above;
  }
  const manifest: unknown = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
  const isManifest = typeof manifest === "object" && manifest !== null && "version" in manifest;
  return isManifest ? String(manifest.version) : "unknown";
}
