import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { TagDiffAnswer } from "../../../src/api/tag-diff.ts";
import type { DeletedTagsAnswer } from "../../../src/api/tag-removal.ts";
import { pushImageParts, putManifest } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { waitUntil } from "../../support/wait.ts";

const root = "/api/berth/v1/repositories";

const berth = await startClosedBerth({ "gc.deleteUntagged": "true" });
await berth.addUser("ann");
await berth.addUser("mia");
const ann = berth.as("ann");

async function pushImage(repository: string, tag: string, layer: string) {
  const image = await pushImageParts(ann, repository, { layer, config: { layer } });
  await putManifest(ann, repository, tag, image.manifest).expect(201);
  return image;
}

async function remove(repository: string, body: object): Promise<DeletedTagsAnswer> {
  const answer = await ann.api.post(`${root}/${repository}/-/tag-deletions`).send(body).expect(200);
  return answer.body as DeletedTagsAnswer;
}
const outcomes = ({ results }: DeletedTagsAnswer) =>
  results.map(({ name, outcome }) => `${name} ${outcome}`);

describe("POST /api/berth/v1/repositories/NAME/-/tag-deletions", () => {
  test("deletes the named tags, keeps immutable ones, and names unknown ones", async () => {
    for (const tag of ["v1", "v2", "dev"]) await pushImage("ann/named", tag, tag);
    await berth.exec(`UPDATE repositories SET immutable_tags = '["v2"]' WHERE name = 'ann/named'`);
    const body = { tags: ["v1", "v2", "none", "not a tag", "v1"] };
    const expected = ["v1 deleted", "v2 immutable", "none unknown", "not a tag unknown"];
    const dry = await remove("ann/named", { ...body, dry_run: true });
    assert.deepEqual([outcomes(dry), dry.dry_run], [expected, true]);
    await ann.api.get("/v2/ann/named/manifests/v1").expect(200);
    assert.deepEqual(outcomes(await remove("ann/named", body)), expected);
    await ann.api.get("/v2/ann/named/manifests/v1").expect(404);
    await ann.api.get("/v2/ann/named/manifests/v2").expect(200);
    await ann.api.get("/v2/ann/named/manifests/dev").expect(200);
    const { body: past } = await ann.api.get(`${root}/ann/named/-/tags/v1/history`).expect(200);
    assert.equal((past as { results: { reason: string }[] }).results[0]?.reason, "delete");
  });

  test("deletes the tags that match an expression, but the newest and the used ones", async () => {
    for (const tag of ["1.0", "1.1", "1.2", "1.3", "other"]) await pushImage("ann/some", tag, tag);
    await berth.exec(
      "UPDATE tags SET updated_at = updated_at - 864000000 WHERE name IN ('1.0', '1.1')",
    );
    const selection = { matching: "1[.].*", keep: 2, unused_for: 5 };
    const dry = await remove("ann/some", { ...selection, dry_run: true });
    assert.deepEqual(outcomes(dry), ["1.0 deleted", "1.1 deleted"]);
    const none = await remove("ann/some", { ...selection, keep: 4, dry_run: true });
    assert.deepEqual([outcomes(none), none.frees], [[], 0]);
    const used = await remove("ann/some", { ...selection, unused_for: 20, dry_run: true });
    assert.deepEqual(outcomes(used), []);
    await ann.api.get("/v2/ann/some/manifests/1.0").expect(200);
    await waitUntil("the pull is counted", async () => {
      const found = await remove("ann/some", { ...selection, dry_run: true });
      return outcomes(found).join() === "1.1 deleted";
    });
    await remove("ann/some", { tags: ["1.0"] });
    assert.deepEqual(outcomes(await remove("ann/some", selection)), ["1.1 deleted"]);
    const { body } = await ann.api.get(`${root}/ann/some/-/tags`).expect(200);
    assert.equal((body as { count: number }).count, 3);
  });

  test("rejects an unknown field and a filter beside names, which would delete other tags", async () => {
    await pushImage("ann/strict", "v1", "v1");
    for (const body of [
      { matching: ".*", keeep: 1 },
      { matching: ".*", arch: ["arm64"] },
      { tags: ["v1"], filter: "v2" },
      { tags: ["v1"], os: ["windows"] },
      { tags: ["v1"], keep: 1 },
      { tags: ["v1"], unused_for: 0 },
    ])
      await ann.api.post(`${root}/ann/strict/-/tag-deletions`).send(body).expect(400);
    await ann.api.get("/v2/ann/strict/manifests/v1").expect(200);
  });

  test("selects by the filter of the tag list, and counts immutable tags, which come last", async () => {
    for (const tag of ["v1-rc", "v2-rc", "v3-rc", "v3"]) await pushImage("ann/filtered", tag, tag);
    await berth.exec(
      `UPDATE repositories SET immutable_tags = '["v1-rc"]' WHERE name = 'ann/filtered'`,
    );
    const of = (fields: object) =>
      remove("ann/filtered", { matching: ".*", dry_run: true, ...fields });
    const byName = await of({ filter: "-rc" });
    assert.deepEqual(outcomes(byName), ["v2-rc deleted", "v3-rc deleted", "v1-rc immutable"]);
    assert.deepEqual([byName.selected, byName.immutable, byName.more], [3, 1, false]);
    const { results } = await of({ filter: "-rc", matching: "v3.*", architecture: ["amd64"] });
    const { body } = await ann.api
      .get(`${root}/ann/filtered/-/tags?filter=v3-rc&architecture=amd64`)
      .expect(200);
    assert.equal(results.length, (body as { count: number }).count);
    assert.equal((await of({ os: ["plan9"] })).selected, 0);
    const named = await remove("ann/filtered", { tags: ["v1-rc", "v3", "none"], dry_run: true });
    assert.deepEqual([named.selected, named.immutable], [3, 1]);
  });

  test("takes at most 1,000 tags at once, and reaches all others when it is repeated", async () => {
    const { manifest } = await pushImage("ann/many", "keep", "many");
    await putManifest(ann, "ann/many", "first", manifest).expect(201);
    await berth.exec(`INSERT INTO tags (repository_id, name, manifest_id, updated_at)
      WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1100)
      SELECT tags.repository_id, 'n' || numbers.n, tags.manifest_id, numbers.n FROM numbers, tags
      JOIN repositories ON repositories.id = tags.repository_id
      WHERE repositories.name = 'ann/many' AND tags.name = 'keep'`);
    await berth.exec(
      `UPDATE repositories SET tag_count = 1102, immutable_tags = '["n1?[0-9]|keep"]' WHERE name = 'ann/many'`,
    );
    const selection = { matching: ".*" };
    const first = await remove("ann/many", selection);
    assert.deepEqual([first.results.length, first.more], [1000, true]);
    assert.deepEqual([first.selected, first.immutable], [1102, 20]);
    assert.ok(first.results.every(({ outcome }) => outcome === "deleted"));
    const second = await remove("ann/many", selection);
    const deleted = second.results.filter(({ outcome }) => outcome === "deleted");
    assert.deepEqual([deleted.length, second.more, second.immutable], [82, false, 20]);
    assert.deepEqual((await remove("ann/many", selection)).selected, 20);
  });

  test("deletes 1,000 of the matching tags, the oldest first, and says whether there are more", async () => {
    await pushImage("ann/thousand", "newest", "thousand");
    const rows = Array.from(
      { length: 1_001 },
      (_, at) =>
        `((SELECT id FROM repositories WHERE name = 'ann/thousand'), 't${at}',
          (SELECT manifest_id FROM tags WHERE name = 'newest'), ${at})`,
    );
    await berth.exec(
      `INSERT INTO tags (repository_id, name, manifest_id, updated_at) VALUES ${rows.join(",")}`,
    );
    const first = await remove("ann/thousand", { matching: "t.*", dry_run: true });
    assert.deepEqual([first.results.length, first.more], [1_000, true]);
    const exact = await remove("ann/thousand", { matching: "t.*", keep: 1 });
    assert.deepEqual([exact.results.length, exact.more], [1_000, false]);
    const { body } = await ann.api.get("/v2/ann/thousand/tags/list").expect(200);
    assert.deepEqual((body as { tags: string[] }).tags, ["newest", "t1000"]);
  });

  test("leaves the manifests to the collector", async () => {
    await berth.addUser("root", { is_admin: 1 });
    const { digest } = await pushImage("ann/collected", "1", "collected");
    await remove("ann/collected", { tags: ["1"] });
    const path = `/v2/ann/collected/manifests/${digest}`;
    await ann.api.get(path).expect(200);
    await berth.exec(
      "UPDATE manifest_reviews SET due_at = 0; UPDATE manifests SET leased_until = 0",
    );
    await berth.as("root").api.post("/api/berth/v1/admin/gc").send({ now: true }).expect(202);
    await waitUntil(
      "the manifest is deleted",
      async () => (await ann.api.get(path)).status === 404,
    );
  });

  test("rejects both or neither of tags and matching, invalid expressions, and other accounts", async () => {
    await pushImage("ann/rejected", "1", "rejected");
    const path = `${root}/ann/rejected/-/tag-deletions`;
    const tooMany = Array.from({ length: 1_001 }, (_, at) => `t${at}`);
    for (const body of [
      ...[{}, { tags: ["1"], matching: "1" }, { matching: "(" }, { tags: tooMany }],
      ...[{ filter: "1" }, { matching: ".*", os: "linux" }, { matching: ".*", unused_for: -1 }],
    ])
      await ann.api.post(path).send(body).expect(400);
    await berth
      .as("mia")
      .api.post(path)
      .send({ tags: ["1"] })
      .expect(404);
    await berth.exec("UPDATE repositories SET visibility = 'public' WHERE name = 'ann/rejected'");
    await berth
      .as("mia")
      .api.post(path)
      .send({ tags: ["1"] })
      .expect(403);
    await ann.api.get("/v2/ann/rejected/manifests/1").expect(200);
  });
});

describe("GET /api/berth/v1/repositories/NAME/-/diff", () => {
  test("compares a digest with a tag, also a digest without a tag", async () => {
    const older = await pushImage("ann/diff", "1", "older");
    await pushImage("ann/diff", "1", "newer one");
    const path = `${root}/ann/diff/-/diff`;
    const query = { from: older.digest, to: "1" };
    const { body } = await ann.api.get(path).query(query).expect(200);
    const { from, to, download_size } = body as TagDiffAnswer;
    assert.deepEqual([from.tag, from.digest, to.tag, download_size], [null, older.digest, "1", 9]);
    const missing = `sha256:${"0".repeat(64)}`;
    await ann.api.get(path).query({ from: missing, to: "1" }).expect(404);
    await ann.api.get(path).query({ from: "sha256:0", to: "1" }).expect(400);
  });
});
