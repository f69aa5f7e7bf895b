import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import supertest from "supertest";
import { collect, pushImageParts, putManifest, startBerth } from "../../support/berth.ts";
import { password, type ClosedBerth } from "../../support/closed.ts";
import { berth as run } from "../support.ts";

/* What the tests of backups share: images that are pushed before a backup, and pulled from the restored registry. */

export interface Image {
  readonly name: string;
  readonly digest: string;
  readonly layer: string;
  readonly content: string;
}

export interface Point {
  readonly id: string;
  readonly blobs: number;
  readonly new_blobs: number;
  readonly keys: boolean;
}

export async function pushImage(berth: ClosedBerth, name: string, content: string): Promise<Image> {
  const admin = berth.as("admin");
  const { manifest, digest, layer } = await pushImageParts(admin, name, { layer: content });
  await putManifest(admin, name, "1", manifest).expect(201);
  return { name, digest, layer, content };
}

/** Adds a point, which must succeed. */
export async function create(data: string, backup: string, ...options: string[]): Promise<Point> {
  const made = await run(["backup", "create", backup, "--data", data, "--json", ...options]);
  assert.equal(made.code, 0, made.stdout + made.stderr);
  return JSON.parse(made.stdout) as Point;
}

export async function restore(backup: string, data: string, ...options: string[]): Promise<string> {
  const restored = await run(["restore", backup, "--data", data, ...options]);
  assert.equal(restored.code, 0, restored.stdout + restored.stderr);
  const checked = await run(["check", "--data", data]);
  assert.equal(checked.stdout, "no errors\n", checked.stderr);
  return restored.stdout;
}

/** Pulls the images from a server on a restored folder, as `mia`, and with a token of the old server. */
export async function pullAll(
  data: string,
  images: readonly Image[],
  token?: string,
): Promise<void> {
  const berth = await startBerth(data, { "auth.open": "false" });
  try {
    const mia = supertest.agent(`http://127.0.0.1:${berth.port}`).auth("mia", password);
    for (const { name, digest, layer, content } of images) {
      const { headers } = await mia.get(`/v2/${name}/manifests/1`).expect(200);
      assert.equal(headers["docker-content-digest"], digest);
      const { body } = await mia.get(`/v2/${name}/blobs/${layer}`).parse(collect).expect(200);
      assert.equal((body as Buffer).toString(), content);
    }
    if (token === undefined) return;
    const [first] = images;
    await berth.api
      .get(`/v2/${first?.name}/manifests/1`)
      .set("Authorization", `Bearer ${token}`)
      .expect(200);
  } finally {
    await berth.close();
  }
}

/** The files of blobs, databases and lists below a folder. */
export const filesOf = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.[0-9A-Z]{26}$/.test(name))
    .map((name) => path.join(folder, name));
