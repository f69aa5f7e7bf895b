import assert from "node:assert/strict";
import { cp, mkdir } from "node:fs/promises";
import path from "node:path";
import { after, describe, test } from "node:test";
import SqliteDatabase from "../../src/database/sqlite/driver.ts";
import supertest from "supertest";
import { collect, pushBlob, pushImageParts, putManifest, startBerth } from "../support/berth.ts";
import { password, startClosedBerth } from "../support/closed.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { waitUntil } from "../support/wait.ts";
import { berth as run } from "./support.ts";

/** Copies a database as `sqlite3 FILE ".backup COPY"` does: both call the backup function of SQLite. */
async function backUpDatabase(file: string, copy: string): Promise<void> {
  const database = new SqliteDatabase(file, { readonly: true });
  try {
    await database.backup(copy);
  } finally {
    database.close();
  }
}

/** The steps of docs/storage.md, "Backup and restore". `beforeBlobs` runs after the copy of the databases. */
async function backUp(data: string, beforeBlobs: () => Promise<void>): Promise<string> {
  const copy = path.join(temporaryFolder(), "restored");
  await mkdir(copy);
  for (const file of ["berth.db", "berth-counts.db"])
    await backUpDatabase(path.join(data, file), path.join(copy, file));
  await cp(path.join(data, "keys"), path.join(copy, "keys"), { recursive: true });
  await beforeBlobs();
  await cp(path.join(data, "blobs"), path.join(copy, "blobs"), { recursive: true });
  return copy;
}

describe("a backup made while a server runs", async () => {
  const collection = { "gc.lease": "1s", "gc.grace": "0s", "gc.interval": "0s" };
  const berth = await startClosedBerth(collection);
  const admin = berth.as("admin");

  test("restores every image and account, also when blobs are collected and pushed during the backup", async () => {
    await berth.addUser("mia");
    const images: { readonly name: string; readonly layer: string; readonly digest: string }[] = [];
    for (const [name, layer] of [
      ["mia/small", "a small layer"],
      ["mia/large", "a large layer ".repeat(100_000)],
    ] as const) {
      const { manifest, digest, layer: layerDigest } = await pushImageParts(admin, name, { layer });
      await putManifest(admin, name, "1", manifest).expect(201);
      images.push({ name, layer: layerDigest, digest });
    }
    await pushBlob(admin, "mia/small", "a blob that no manifest names");
    const upload = await admin.api.post("/v2/mia/small/blobs/uploads/").expect(202);
    await admin.api
      .patch(upload.headers["location"] ?? "")
      .send("an open upload")
      .expect(202);
    const token = await berth.token("mia", "repository:mia/small:pull");

    const copy = await backUp(berth.data, async () => {
      await waitUntil("a collection has taken the blob that no manifest names", async () => {
        const env = { BERTH_GC_GRACE: "0s", BERTH_GC_LEASE: "1s" };
        const { stdout } = await run(["gc", "--data", berth.data], env);
        return /29 B of 1 blobs follow after gc.deleteDelay/.test(stdout);
      });
      await pushBlob(admin, "mia/later", "pushed after the copy of the database");
    });

    const checked = await run(["check", "--data", copy]);
    assert.deepEqual([checked.stdout, checked.code], ["no errors\n", 0], checked.stderr);
    const restored = await startBerth(copy, { "auth.open": "false" });
    after(() => restored.close());
    const mia = supertest.agent(`http://127.0.0.1:${restored.port}`).auth("mia", password);
    for (const { name, layer, digest } of images) {
      const { headers } = await mia.get(`/v2/${name}/manifests/1`).expect(200);
      assert.equal(headers["docker-content-digest"], digest);
      const theirs = await mia.get(`/v2/${name}/blobs/${layer}`).parse(collect).expect(200);
      const ours = await admin.api.get(`/v2/${name}/blobs/${layer}`).parse(collect).expect(200);
      assert.equal(Buffer.compare(theirs.body, ours.body), 0);
    }
    // The restored server accepts a token signed before the backup, because the backup includes the keys.
    await restored.api
      .get("/v2/mia/small/manifests/1")
      .set("Authorization", `Bearer ${token}`)
      .expect(200);
    const again = await run(["check", "--data", copy]);
    assert.deepEqual([again.stdout, again.code], ["no errors\n", 0], again.stderr);
  });
});
