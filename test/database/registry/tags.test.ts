import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestDatabase } from "../../support/database.ts";
import { app, change, digest, manifest, times } from "../contract/support.ts";

test("the deletion of a manifest with 1,200 tags adds a history entry and an audit row for each tag", async () => {
  const { tables, commands } = await openTestDatabase();
  const tags = Array.from({ length: 1_200 }, (_, number) => `t${number}`);
  await commands.putManifest(manifest("image", []));
  const rows = tags.map((name) => `(1, '${name}', 1, 0)`).join(", ");
  await tables.exec(
    `INSERT INTO tags (repository_id, name, manifest_id, updated_at) VALUES ${rows}`,
  );
  const deletion = { ...change, ...times, repository: app, digest: digest("image") };
  const deleted = await commands.deleteManifest(deletion);
  assert.ok(deleted !== undefined && "tags" in deleted);
  assert.deepEqual(deleted.tags.toSorted(), tags.toSorted());
  const counts = await tables.rows(
    `SELECT (SELECT count(DISTINCT name) FROM tag_history WHERE digest IS NULL) AS entries,
       (SELECT count(DISTINCT subject) FROM audit_log WHERE action = 'repo.tag.delete') AS audited,
       (SELECT tag_count FROM repositories) AS tags`,
  );
  assert.deepEqual(counts, [{ entries: 1_200, audited: 1_200, tags: 0 }]);
});
