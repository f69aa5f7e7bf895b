import { existsSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import process from "node:process";
import { createDistribution, createNginx, createOlareg, createZot } from "./peers.ts";
import type { Server } from "./program.ts";

/**
 * Returns the peers to measure. `NAME=PATH` in `given` adds a peer, and `NAME=` omits one.
 * @param addInstalled adds distribution and nginx if they are installed
 */
export function choosePeers(given: readonly string[], addInstalled: boolean): readonly Server[] {
  const paths = new Map<string, string>();
  for (const text of given) {
    const [name = "", file = ""] = text.split("=");
    if (!(name in peers))
      throw new Error(`--peer takes NAME=PATH of ${Object.keys(peers).join(", ")}`);
    paths.set(name, file && path.resolve(file));
  }
  return Object.entries(peers).flatMap(([name, { create, installed }]) => {
    const command = paths.get(name) ?? (addInstalled && installed && find(installed));
    return command ? [create(command)] : [];
  });
}

const peers: Record<string, { create: (command: string) => Server; installed?: string }> = {
  distribution: { create: (command) => createDistribution(command), installed: "registry" },
  olareg: { create: createOlareg },
  zot: { create: createZot },
  nginx: { create: createNginx, installed: "nginx" },
};

/** Finds an installed program by name. */
export function find(name: string): string | undefined {
  const go = process.env["GOBIN"] ?? path.join(homedir(), "go/bin");
  const folders = [go, ...(process.env["PATH"] ?? "").split(":"), "/usr/sbin"];
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
}
