import assert from "node:assert/strict";
import { test } from "node:test";
import SqliteDatabase from "../../../src/database/sqlite/driver.ts";
import { readMigrations } from "../../../src/database/migrations.ts";
import { migrate } from "../../../src/database/sqlite/migrate.ts";
import { digestOf } from "../../../src/oci/digest.ts";

const digestFor = (content: string) => digestOf(Buffer.from(content));

test("a migration adds references to the config and layer of an image stored as application/json", () => {
  const connection = new SqliteDatabase(":memory:");
  const steps = readMigrations("sqlite");
  const until = steps.findIndex(({ name }) => name.endsWith("named-content"));
  migrate(connection, steps.slice(0, until));
  connection.exec(
    "INSERT INTO repositories (id, name, namespace, created_at, updated_at) VALUES (1, 'team/app', 'team', 0, 0)",
  );
  const insert = connection.prepare(
    `INSERT INTO manifests (id, repository_id, digest, media_type, kind, size_bytes, pushed_at, leased_until, content)
     VALUES (?, 1, ?, 'application/json', ?, 1, 0, 0, ?)`,
  );
  const image = {
    config: { mediaType: "a/config", digest: digestFor("config"), size: 6 },
    layers: [{ digest: digestFor("layer") }, { digest: "no digest" }],
    subject: { mediaType: "a/b", digest: digestFor("subject"), size: 7 },
  };
  insert.run(1, digestFor("1"), "opaque", Buffer.from(JSON.stringify(image)));
  insert.run(2, digestFor("2"), "opaque", Buffer.from('{"anything": "goes"}'));
  insert.run(3, digestFor("3"), "image", Buffer.from(JSON.stringify(image)));
  migrate(connection);
  const rows = connection
    .prepare(
      `SELECT manifest_id, position, kind, digest, media_type, size_bytes, required
       FROM manifest_references ORDER BY manifest_id, position`,
    )
    .raw()
    .all();
  assert.deepEqual(rows, [
    [1, 0, "child", digestFor("config"), "a/config", 6, 0],
    [1, 1, "child", digestFor("layer"), "application/octet-stream", 0, 0],
  ]);
});
