import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pushBlob, pushImageParts, putManifest } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";

const root = "/api/berth/v1";
const ociIndex = "application/vnd.oci.image.index.v1+json";
const ociImage = "application/vnd.oci.image.manifest.v1+json";
const builds = ["10.0.20348.2762", "10.0.26100.2314"];

const berth = await startClosedBerth();
await berth.addUser("ann");
await berth.addUser("mia");
const ann = berth.as("ann");

describe("Berth's own API (/api/berth/v1)", () => {
  test("a tag, the tag list and the search show both Windows builds of an index", async () => {
    const manifests = [];
    for (const platform of [
      { os: "linux", architecture: "amd64" },
      ...builds.map((build) => ({ os: "windows", architecture: "amd64", "os.version": build })),
    ]) {
      const image = await pushImageParts(ann, "ann/multi", {
        ...{ layer: JSON.stringify(platform), config: platform },
      });
      await putManifest(ann, "ann/multi", image.digest, image.manifest).expect(201);
      manifests.push({
        ...{ mediaType: ociImage, digest: image.digest, size: image.manifest.length, platform },
      });
    }
    const index = { schemaVersion: 2, mediaType: ociIndex, manifests };
    await putManifest(ann, "ann/multi", "1", index, ociIndex).expect(201);

    const versionsOf = (images: readonly { os_version: string | null }[]) =>
      images.flatMap(({ os_version }) => os_version ?? []);
    const tags = `${root}/repositories/ann/multi/-/tags`;
    const { body: tag } = await ann.api.get(`${tags}/1`).expect(200);
    assert.deepEqual(versionsOf((tag as { images: [] }).images), builds);
    const { body: list } = await ann.api.get(tags).expect(200);
    const { count, results } = list as { count: number; results: { images: [] }[] };
    assert.deepEqual([count, results.map(({ images }) => versionsOf(images))], [1, [builds]]);
    for (const build of builds) {
      const query = { query: "multi", os: "windows", os_version: build };
      const { body } = await ann.api.get(`${root}/search`).query(query).expect(200);
      const found = (body as { results: { os_versions: string[] }[] }).results;
      assert.deepEqual(
        found.map(({ os_versions }) => os_versions),
        [builds],
      );
    }
  });

  test("the search finds no repository for a platform whose last image was deleted", async () => {
    const image = await pushImageParts(ann, "ann/once", {
      ...{ layer: "once", config: { os: "freebsd", architecture: "riscv64" } },
    });
    await putManifest(ann, "ann/once", "1", image.manifest).expect(201);
    await putManifest(ann, "ann/once", "1", image.manifest).expect(201);
    const count = async (): Promise<number> => {
      const { body } = await ann.api.get(`${root}/search?os=freebsd`).expect(200);
      return (body as { count: number }).count;
    };
    assert.equal(await count(), 1);
    await ann.api.delete(`/v2/ann/once/manifests/${image.digest}`).expect(202);
    assert.equal(await count(), 0);
  });

  test("sizes count a blob as shared only if the caller may read the other repository", async () => {
    for (const name of ["ann/first", "ann/second"]) await pushBlob(ann, name, "shared by two");
    await pushBlob(ann, "ann/first", "its own");
    await berth.exec("UPDATE repositories SET visibility = 'public' WHERE name = 'ann/first'");
    const sizes = async (who: typeof ann, path: string) => {
      const { body } = await who.api.get(`${root}/${path}`).expect(200);
      const { bytes, shared_bytes, unique_bytes } = body as Record<string, number>;
      return [bytes, shared_bytes, unique_bytes];
    };
    assert.deepEqual(await sizes(ann, "repositories/ann/first/-/sizes"), [20, 13, 7]);
    assert.deepEqual(await sizes(berth.as("mia"), "repositories/ann/first/-/sizes"), [20, 0, 20]);
    assert.deepEqual(await sizes(berth, "namespaces/ann/sizes"), [20, 0, 20]);
    const [all = 0, shared] = await sizes(ann, "namespaces/ann/sizes");
    assert.ok(all > 20);
    assert.equal(shared, 13);
  });

  test("the repository list pages by name through the repositories that the caller may read", async () => {
    const names = async (who: typeof ann, query: string): Promise<readonly string[]> => {
      const seen: string[] = [];
      let next: string | null = `${root}/repositories?page_size=1&${query}`;
      while (next !== null) {
        const { body } = await who.api.get(next).expect(200);
        const page = body as { next: string | null; results: { name: string }[] };
        seen.push(...page.results.map(({ name }) => name));
        next = page.next === null ? null : page.next.replace(/^http:\/\/[^/]+/, "");
      }
      return seen;
    };
    const all = ["ann/first", "ann/multi", "ann/once", "ann/second"];
    assert.deepEqual(await names(ann, "namespace=ann"), all);
    assert.deepEqual(await names(berth, "namespace=ann"), ["ann/first"]);
    assert.deepEqual(await names(ann, "namespace=an"), []);
    assert.deepEqual(await names(berth.as("admin"), ""), all);
  });

  test("a rollback of a tag needs write permission, and the history names its actor", async () => {
    const one = await pushImageParts(ann, "ann/moved", { layer: "1" });
    const two = await pushImageParts(ann, "ann/moved", { layer: "2" });
    for (const { manifest } of [one, two])
      await putManifest(ann, "ann/moved", "1", manifest).expect(201);
    await berth.exec("UPDATE repositories SET visibility = 'public' WHERE name = 'ann/moved'");
    const rollback = `${root}/repositories/ann/moved/-/tags/1/rollback`;
    await berth.api.post(rollback).expect(401);
    await berth.as("mia").api.post(rollback).expect(403);
    const { body } = await berth.as("admin").api.post(rollback).send({}).expect(200);
    assert.deepEqual(body, { name: "1", digest: one.digest });
    const { body: past } = await berth.api
      .get(`${root}/repositories/ann/moved/-/tags/1/history`)
      .expect(200);
    assert.deepEqual(
      (past as { results: { actor: string; digest: string }[] }).results.map((move) => [
        ...[move.actor, move.digest],
      ]),
      [
        ["admin", one.digest],
        ["ann", two.digest],
        ["ann", one.digest],
      ],
    );
  });

  test("the history of a tag names the access token that changed it, to those who may move it", async () => {
    const [one, two] = [
      await pushImageParts(ann, "ann/labels", { layer: "1" }),
      await pushImageParts(ann, "ann/labels", { layer: "2" }),
    ];
    await putManifest(ann, "ann/labels", "1", one.manifest).expect(201);
    const robot = berth.as("ann", await berth.addPersonalToken("ann", "repo:admin"));
    const tag = `${root}/repositories/ann/labels/-/tags/1`;
    await putManifest(robot, "ann/labels", "1", two.manifest).expect(201);
    await robot.api.post(`${tag}/rollback`).send({}).expect(200);
    await robot.api.delete(tag).expect(204);
    await ann.api.post(`${tag}/rollback`).send({ digest: two.digest }).expect(200);
    await berth.exec("UPDATE repositories SET visibility = 'public' WHERE name = 'ann/labels'");
    await berth.exec("UPDATE access_tokens SET label = 'renamed since'");
    const labelsFor = async (client: Pick<typeof ann, "api">) => {
      const { body } = await client.api.get(`${tag}/history`).expect(200);
      return (body as { results: { token_label: string | null; reason: string }[] }).results.map(
        (move) => [move.reason, move.token_label],
      );
    };
    assert.deepEqual(await labelsFor(ann), [
      ["rollback", null],
      ["delete", "test"],
      ["rollback", "test"],
      ["push", "test"],
      ["push", null],
    ]);
    for (const client of [berth, berth.as("mia")])
      assert.deepEqual(
        new Set((await labelsFor(client)).map(([, label]) => label)),
        new Set([null]),
      );
  });
});
