import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import SqliteDatabase from "../../src/database/sqlite/driver.ts";
import { readMigrations } from "../../src/database/migrations.ts";
import { migrate } from "../../src/database/sqlite/migrate.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { newKey, newUploadReference } from "../../storage/keys.ts";
import { contentOf } from "../crash/content.ts";
import { createLedger, type Ledger } from "../crash/ledger.ts";

const imageType = "application/vnd.oci.image.manifest.v1+json";
const configType = "application/vnd.oci.image.config.v1+json";
const layerType = "application/vnd.oci.image.layer.v1.tar";
const anHourAgo = Date.now() - 3_600_000;

/**
 * Creates a data folder as a Berth with only the first `version` migrations would have written it: images that share
 * layers, blobs without a manifest, and an open upload. Returns the content that must survive the migration.
 */
export function makeOldFolder(data: string, version: number, images = 3): Ledger {
  mkdirSync(path.join(data, "uploads"), { recursive: true });
  const ledger = createLedger();
  const database = new SqliteDatabase(path.join(data, "berth.db"));
  database.pragma("journal_mode = WAL");
  database.pragma("foreign_keys = ON");
  const [first] = readMigrations("sqlite");
  if (first === undefined) throw new Error("there are no migrations");
  migrate(database, [first]);

  // Inserts use the columns of the first migration, which never changes.
  const insert = (table: string, values: Readonly<Record<string, unknown>>): number => {
    const names = Object.keys(values);
    const places = names.map(() => "?").join(", ");
    const statement = `INSERT INTO ${table} (${names.join(", ")}) VALUES (${places})`;
    return Number(database.prepare(statement).run(Object.values(values)).lastInsertRowid);
  };
  const storeBlob = (repository: { name: string; id: number }, bytes: Buffer) => {
    const digest = digestOf(bytes);
    const known = database.prepare("SELECT id FROM blobs WHERE digest = ?").pluck().get(digest);
    let id = Number(known ?? 0);
    if (known === undefined) {
      const key = newKey(digest);
      mkdirSync(path.dirname(path.join(data, key)), { recursive: true });
      writeFileSync(path.join(data, key), bytes);
      const row = { digest, size_bytes: bytes.length, storage_key: key, created_at: anHourAgo };
      id = insert("blobs", row);
    }
    const times = { created_at: anHourAgo, leased_until: 0 };
    insert("blob_links", { repository_id: repository.id, blob_id: id, ...times });
    ledger.blobs.push({ repository: repository.name, digest, sizeBytes: bytes.length });
    return { digest, size: bytes.length };
  };

  for (let index = 0; index < images; index += 1) {
    const name = `old/app-${index}`;
    const times = { created_at: anHourAgo, updated_at: anHourAgo };
    const id = insert("repositories", { name, namespace: "old", ...times });
    const repository = { name, id };
    const config = {
      ...storeBlob(repository, Buffer.from(`{"app":${index}}`)),
      mediaType: configType,
    };
    const layers = ["shared by all", `of ${index} alone`].map((seed) => ({
      ...storeBlob(repository, contentOf(seed, 40_000)),
      mediaType: layerType,
    }));
    storeBlob(repository, contentOf(`unnamed ${index}`, 500));
    const content = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: imageType, config, layers }),
    );
    const digest = digestOf(content);
    const manifest = insert("manifests", {
      ...{ repository_id: id, digest, media_type: imageType, kind: "image", content },
      ...{ size_bytes: content.length, pushed_at: anHourAgo, leased_until: 0 },
    });
    for (const [position, named] of [config, ...layers].entries()) {
      insert("manifest_references", {
        ...{ manifest_id: manifest, position, kind: position === 0 ? "config" : "layer" },
        ...{
          digest: named.digest,
          media_type: named.mediaType,
          size_bytes: named.size,
          required: 1,
        },
      });
    }
    const tag = `v${index}`;
    insert("tags", { repository_id: id, name: tag, manifest_id: manifest, updated_at: anHourAgo });
    insert("tag_history", { repository_id: id, name: tag, digest, changed_at: anHourAgo });
    ledger.images.push({ repository: name, digest, tag, manifest: content });
  }

  const upload = { seed: "open", sizeBytes: 90_000 };
  const held = 50_000;
  const reference = newUploadReference();
  writeFileSync(
    path.join(data, "uploads", reference),
    contentOf(upload.seed, upload.sizeBytes).subarray(0, held),
  );
  const session = "3b241101-e2bb-4255-8caf-4136c566a962";
  insert("uploads", {
    ...{ id: session, repository: "old/app-0", storage_reference: reference },
    ...{ started_at: Date.now(), touched_at: Date.now() },
  });
  ledger.uploads.add({
    ...upload,
    repository: "old/app-0",
    algorithm: "sha256",
    location: `/v2/old/app-0/blobs/uploads/${session}`,
    acknowledgedBytes: held,
    closing: false,
  });
  migrate(database, readMigrations("sqlite").slice(0, version));
  database.close();
  return ledger;
}
