import assert from "node:assert/strict";
import { utimesSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { startBerth } from "../../support/berth.ts";
import { DistributionWriter } from "../../support/distribution-folder.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { runImport } from "../support/imports.ts";
import { berth as run } from "../support.ts";

const dayMs = 24 * 3_600_000;

test("an imported tag has the time of its push to the other registry, and retention sees its age", async (t) => {
  const folder = temporaryFolder();
  const writer = new DistributionWriter(path.join(folder, "distribution"));
  const berth = await startBerth(path.join(folder, "data"));
  t.after(() => berth.close());
  // Whole seconds, which the times of files have exactly.
  const startMs = Math.floor(Date.now() / 1_000) * 1_000;
  const ago = (days: number): number => startMs - days * dayMs;
  const times = { old: ago(100), older: ago(200), fresh: ago(1), future: ago(-1), none: 0 };
  const setTime = (file: string, atMs: number): void =>
    utimesSync(writer.repositoryFile("team/app", file), atMs / 1_000, atMs / 1_000);
  writer.putImage("team/app", [Buffer.from("shared")], "old", "older");
  for (const tag of ["fresh", "future", "none"])
    writer.putImage("team/app", [Buffer.from(tag)], tag);
  for (const [tag, atMs] of Object.entries(times))
    setTime(`_manifests/tags/${tag}/current/link`, atMs);
  const untagged = writer.putImage("team/app", [Buffer.from("untagged")]);
  setTime(`_manifests/revisions/sha256/${untagged.slice(7)}/link`, ago(300));
  assert.equal((await runImport(berth.data, "distribution", writer.folder)).code, 0);

  const rows = await berth.tables.rows<{ name: string; at: number; manifest: number }>(
    "SELECT name, tags.updated_at AS at, pushed_at AS manifest FROM tags JOIN manifests ON manifests.id = manifest_id",
  );
  const found = new Map(rows.map(({ name, at, manifest }) => [name, [at, manifest]]));
  // Of two tags with one digest, the newer one has the time of the manifest.
  assert.deepEqual(found.get("old"), [times.old, times.old]);
  assert.deepEqual(found.get("older"), [times.older, times.old]);
  assert.deepEqual(found.get("fresh"), [times.fresh, times.fresh]);
  // A tag without a possible time is one of now.
  for (const tag of ["future", "none"])
    for (const at of found.get(tag) ?? []) assert.ok(at >= startMs && at <= Date.now(), tag);
  const pushedAt = "SELECT pushed_at FROM manifests WHERE digest = ?";
  assert.equal(await berth.tables.value(pushedAt, untagged), ago(300));

  const at = ["--data", berth.data];
  await run(["retention", "set", "team/app", "--pushed-within", "30d", ...at]);
  const { stdout } = await run(["retention", "plan", "team/app", ...at]);
  assert.deepEqual(
    stdout.match(/(?<=^would delete tag team\/app:)\w+/gm)?.toSorted(),
    ["old", "older"],
    stdout,
  );
});
