import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { loadConfig, type ConfigInput } from "../../src/config/load.ts";
import type { ConfigProblem } from "../../src/config/problems.ts";
import type { Config } from "../../src/config/schema.ts";

/** Writes files into a temporary folder; an `after` hook removes the folder. */
export async function createFiles(): Promise<(name: string, content: string) => Promise<string>> {
  const folder = await mkdtemp(path.join(tmpdir(), "berth-config-"));
  after(() => rm(folder, { recursive: true }));
  return async (name, content) => {
    const file = path.join(folder, name);
    await writeFile(file, content);
    return file;
  };
}

/** Loads a configuration and throws on problems. The environment of the process is ignored. */
export async function accept(input: ConfigInput): Promise<Config> {
  const loaded = await loadConfig({ env: {}, ...input });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config;
}

/** Loads an invalid configuration and returns its problems by key. */
export async function refuse(input: ConfigInput): Promise<Map<string, ConfigProblem>> {
  const loaded = await loadConfig({ env: {}, ...input });
  if (loaded.ok) throw new Error("the configuration was taken");
  return new Map(loaded.problems.map((problem) => [problem.key, problem]));
}
