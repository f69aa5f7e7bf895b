import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { TagItemAnswer, TagMoveAnswer } from "../../../src/api/tags.ts";
import { pushImageParts, putManifest } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { testOnSqlite } from "../../support/database.ts";
import { waitUntil } from "../../support/wait.ts";

const root = "/api/berth/v1/repositories";
const ociIndex = "application/vnd.oci.image.index.v1+json";
const ociImage = "application/vnd.oci.image.manifest.v1+json";

const berth = await startClosedBerth();
await berth.addUser("ann");
await berth.addUser("mia");
const ann = berth.as("ann");

interface Page {
  readonly count: number;
  readonly next: string | null;
  readonly results: readonly TagItemAnswer[];
}

async function list(repository: string, query: string): Promise<Page> {
  const { body } = await ann.api.get(`${root}/${repository}/-/tags?${query}`).expect(200);
  return body as Page;
}
const names = ({ results }: Page) => results.map(({ name }) => name);

async function pushImage(repository: string, tags: string, layer: string, config: object = {}) {
  const image = await pushImageParts(ann, repository, { layer, config });
  const query = tags
    .split(",")
    .map((tag) => `tag=${tag}`)
    .join("&");
  await putManifest(ann, repository, `${image.digest}?${query}`, image.manifest).expect(201);
  return image;
}

describe("GET /api/berth/v1/repositories/NAME/-/tags", () => {
  test("orders tags by name, naturally, by time, by size and by pulls, in both directions", async () => {
    await pushImage("ann/sorted", "2.9", "l".repeat(300), { os: "linux" });
    await pushImage("ann/sorted", "2.10", "small", { os: "windows", architecture: "amd64" });
    await pushImage("ann/sorted", "10", "m".repeat(150), { os: "linux", architecture: "arm64" });
    for (const tag of ["10", "10", "2.10"])
      await ann.api.get(`/v2/ann/sorted/manifests/${tag}`).expect(200);
    await waitUntil("the pulls are counted", async () => {
      const { results } = await list("ann/sorted", "");
      return results.reduce((sum, { pull_count }) => sum + pull_count, 0) === 3;
    });
    for (const [query, expected] of [
      ["", ["10", "2.10", "2.9"]],
      ["direction=desc", ["2.9", "2.10", "10"]],
      ["order=natural", ["2.9", "2.10", "10"]],
      ["order=natural&direction=desc", ["10", "2.10", "2.9"]],
      ["order=updated", ["10", "2.10", "2.9"]],
      ["order=updated&direction=asc", ["2.9", "2.10", "10"]],
      ["order=size", ["2.9", "10", "2.10"]],
      ["order=size&direction=asc", ["2.10", "10", "2.9"]],
      ["order=pulls", ["10", "2.10", "2.9"]],
      ["order=natural&filter=2.", ["2.9", "2.10"]],
      ["filter=10", ["10", "2.10"]],
      ["os=windows", ["2.10"]],
      ["os=linux,windows&architecture=arm64,amd64", ["10", "2.10"]],
      ["os=plan9", []],
      ["unused_for=0", ["10", "2.10", "2.9"]],
      ["unused_for=1", []],
    ] as const) {
      const page = await list("ann/sorted", query);
      assert.deepEqual([names(page), page.count], [expected, expected.length], query);
    }
  });

  test("pages by number have the count of all matches and a link to the next page", async () => {
    const tags = Array.from({ length: 25 }, (_, at) => `v${at}`);
    await pushImage("ann/many", tags.slice(0, 10).join(","), "many");
    await pushImage("ann/many", tags.slice(10).join(","), "many");
    const seen: string[] = [];
    let query: string | null = "order=natural&page_size=10";
    for (; query !== null;) {
      const page: Page = await list("ann/many", query);
      assert.equal(page.count, 25);
      seen.push(...names(page));
      query = page.next === null ? null : new URL(page.next).search.slice(1);
    }
    assert.deepEqual(seen, tags);
    const third = await list("ann/many", "order=natural&page_size=10&page=3");
    assert.deepEqual(names(third), tags.slice(20));
    const byName = await list("ann/many", "page_size=10&page=2");
    assert.deepEqual(names(byName), tags.toSorted().slice(10, 20));
  });

  test("the pulls of a deleted tag are not those of another tag", async () => {
    await pushImage("ann/deleted", "a,b,c", "deleted");
    for (const tag of ["a", "a", "a", "c"])
      await ann.api.get(`/v2/ann/deleted/manifests/${tag}`).expect(200);
    await waitUntil("the pulls are counted", async () => {
      const { results } = await list("ann/deleted", "");
      return results.reduce((sum, { pull_count }) => sum + pull_count, 0) === 4;
    });
    await ann.api.delete(`${root}/ann/deleted/-/tags/a`).expect(204);
    assert.deepEqual(names(await list("ann/deleted", "order=pulls")), ["c", "b"]);
  });

  testOnSqlite(
    "100,000 tags can be sorted in every order, and more only by name and time",
    async () => {
      await pushImage("ann/huge", "1", "huge");
      const fill = (from: number, to: number): Promise<void> =>
        berth.exec(`WITH RECURSIVE numbers (n) AS
          (SELECT ${from} UNION ALL SELECT n + 1 FROM numbers WHERE n < ${to})
        INSERT INTO tags (repository_id, name, manifest_id, updated_at)
          SELECT repository_id, 't' || n, manifest_id, 0 FROM tags, numbers WHERE name = '1'
            AND repository_id = (SELECT id FROM repositories WHERE name = 'ann/huge')`);
      await fill(1, 99_999);
      assert.deepEqual(names(await list("ann/huge", "order=natural&page_size=2")), ["1", "t1"]);
      await fill(100_000, 100_000);
      const { text } = await ann.api.get(`${root}/ann/huge/-/tags?order=natural`).expect(422);
      assert.match(text, /there are more than 100000 tags/);
      for (const query of ["order=updated", "order=natural&filter=99999"])
        assert.ok((await list("ann/huge", query)).results.length > 0);
    },
  );

  test("an index has the platforms of its entries", async () => {
    const image = await pushImageParts(ann, "ann/index", { layer: "l", config: { os: "linux" } });
    await putManifest(ann, "ann/index", image.digest, image.manifest).expect(201);
    const entry = { mediaType: ociImage, digest: image.digest, size: image.manifest.length };
    const platform = { os: "linux", architecture: "riscv64" };
    const index = { schemaVersion: 2, mediaType: ociIndex, manifests: [{ ...entry, platform }] };
    await putManifest(ann, "ann/index", "1", index, ociIndex).expect(201);
    assert.deepEqual(names(await list("ann/index", "os=linux&architecture=riscv64")), ["1"]);
    assert.deepEqual(names(await list("ann/index", "architecture=amd64")), []);
  });

  test("rejects last with another order, unknown orders, and pages after the last one", async () => {
    await pushImage("ann/wrong", "1", "wrong");
    const path = `${root}/ann/wrong/-/tags`;
    for (const query of ["last=1&order=size", "order=age", "unused_for=x", "direction=up"])
      await ann.api.get(`${path}?${query}`).expect(400);
    await ann.api.get(`${path}?order=size&page=2`).expect(404);
    await berth.as("mia").api.get(`${path}?order=size`).expect(404);
  });

  test("shows aliases, whether a tag is immutable, and whether a signature is stored", async () => {
    const { digest } = await pushImage("ann/app", "1.9,1.10,latest", "aliases");
    await pushImage("ann/app", "other", "another layer");
    await berth.exec(
      `UPDATE repositories SET immutable_tags = '["1[.].*"]' WHERE name = 'ann/app'`,
    );
    const bySuffix = `${digest.replace(":", "-")}.sig`;
    await pushImage("ann/app", bySuffix, "signature");
    const { body } = await ann.api.get(`${root}/ann/app/-/tags/latest`).expect(200);
    const tag = body as TagItemAnswer;
    assert.deepEqual(tag.aliases, ["1.9", "1.10"]);
    assert.deepEqual([tag.is_immutable, tag.is_signed], [false, true]);
    const page = await list("ann/app", "filter=1.");
    assert.deepEqual(
      page.results.map(({ name, is_immutable, aliases }) => [name, is_immutable, aliases]),
      [
        ["1.10", true, ["1.9", "latest"]],
        ["1.9", true, ["1.10", "latest"]],
      ],
    );
    const other = (await list("ann/app", "filter=other")).results[0];
    assert.deepEqual([other?.aliases, other?.is_signed, other?.is_immutable], [[], false, false]);
  });

  test("a referrer with the type of a signature counts as one, and an SBOM does not", async () => {
    const { digest, manifest } = await pushImage("ann/signed", "1", "signed");
    const subject = { mediaType: ociImage, digest, size: manifest.length };
    const push = async (artifactType: string, repository = "ann/signed") => {
      const { manifest: empty } = await pushImageParts(ann, repository, { layer: artifactType });
      const fields = JSON.parse(empty.toString("utf8")) as object;
      const text = Buffer.from(JSON.stringify({ ...fields, subject, artifactType }));
      await putManifest(ann, repository, `r-${artifactType.length}`, text).expect(201);
    };
    const isSigned = async () => (await list("ann/signed", "filter=1")).results[0]?.is_signed;
    await push("application/spdx+json");
    assert.equal(await isSigned(), false);
    await push("application/vnd.cncf.notary.signature", "ann/signed-elsewhere");
    assert.equal(await isSigned(), false, "the signature is in another repository");
    await push("application/vnd.cncf.notary.signature");
    assert.equal(await isSigned(), true);
  });
});

describe("GET /api/berth/v1/repositories/NAME/-/tags/TAG/history", () => {
  test("says why a tag moved, and which tags point at the digest now", async () => {
    await pushImage("ann/past", "1,old", "first");
    await pushImage("ann/past", "1,new", "second");
    const tag = `${root}/ann/past/-/tags/1`;
    await ann.api.post(`${tag}/rollback`).send({}).expect(200);
    await ann.api.delete(tag).expect(204);
    const historyOf = async (name: string) => {
      const { body } = await ann.api.get(`${root}/ann/past/-/tags/${name}/history`).expect(200);
      return (body as { results: readonly TagMoveAnswer[] }).results;
    };
    const results = await historyOf("1");
    assert.deepEqual(
      results.map(({ reason, tags, is_here }) => [reason, tags, is_here]),
      [
        ["delete", [], false],
        ["rollback", ["old"], true],
        ["push", ["new"], true],
        ["push", ["old"], true],
      ],
    );
    // A push of another tag to the same digest, in the same millisecond.
    const rolledBackAtMs = Date.parse(results[1]?.changed_at ?? "");
    await berth.exec(`UPDATE tag_history SET changed_at = ${rolledBackAtMs} WHERE name = 'old'`);
    assert.equal((await historyOf("old"))[0]?.reason, "push");
  });
});
