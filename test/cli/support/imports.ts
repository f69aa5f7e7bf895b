import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import type { TestBerth } from "../../support/berth.ts";
import { collect } from "../../support/berth.ts";
import { berth as run, type Ended } from "../support.ts";

/** The sum that `berth import … --json` prints last. */
export interface Sum {
  readonly tags: number;
  readonly tags_there: number;
  readonly manifests: number;
  readonly blobs: number;
  readonly repositories: number;
  readonly organisations: readonly string[];
  readonly skipped: number;
}

export interface ImportRun extends Ended {
  readonly sum: Sum;
  /** The reason for each name that was skipped. */
  readonly skipped: Readonly<Record<string, string>>;
}

/** Runs `berth import …` on the data folder of a server. */
export async function runImport(data: string, ...args: readonly string[]): Promise<ImportRun> {
  const ended = await run(["import", ...args, "--data", data, "--json"]);
  const lines = ended.stdout.trimEnd().split("\n");
  assert.ok(ended.stdout.includes('"kind":"sum"'), ended.stdout + ended.stderr);
  const told = lines.map((line) => JSON.parse(line) as { kind: string; name: string } & Sum);
  const sum = told.at(-1);
  assert.ok(sum?.kind === "sum");
  const skipped = told.filter(({ kind }) => kind === "skipped") as unknown as readonly {
    name: string;
    reason: string;
  }[];
  return {
    ...ended,
    sum,
    skipped: Object.fromEntries(skipped.map(({ name, reason }) => [name, reason])),
  };
}

/** Pulls the tag and all blobs of its manifest, and compares their digests. Returns the digest of the manifest. */
export async function pullImage(berth: TestBerth, name: string, tag: string): Promise<string> {
  const { headers, body } = await berth.api
    .get(`/v2/${name}/manifests/${tag}`)
    .parse(collect)
    .expect(200);
  const document = JSON.parse((body as Buffer).toString()) as {
    readonly config?: { readonly digest: string };
    readonly layers?: readonly { readonly digest: string }[];
    readonly manifests?: readonly { readonly digest: string }[];
  };
  for (const { digest } of document.manifests ?? []) await pullImage(berth, name, digest);
  for (const one of [document.config, ...(document.layers ?? [])]) {
    if (one === undefined) continue;
    const blob = await berth.api.get(`/v2/${name}/blobs/${one.digest}`).parse(collect).expect(200);
    const hex = createHash("sha256")
      .update(blob.body as Buffer)
      .digest("hex");
    assert.equal(`sha256:${hex}`, one.digest);
  }
  return String(headers["docker-content-digest"]);
}

/** The time and the digest of each file in a folder. */
export function stateOf(folder: string): Readonly<Record<string, string>> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  const found = files.map((entry) => {
    const file = path.join(entry.parentPath, entry.name);
    const { mtimeMs } = statSync(file);
    const hash = entry.isFile()
      ? createHash("sha256").update(readFileSync(file)).digest("hex")
      : "";
    return [file, `${mtimeMs} ${hash}`] as const;
  });
  return Object.fromEntries(found);
}

export async function assertChecked(data: string): Promise<void> {
  const checked = await run(["check", "--data", data]);
  assert.equal(checked.stdout, "no errors\n", checked.stderr);
}
