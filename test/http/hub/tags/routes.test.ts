import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pushImageParts, putManifest, type TestBerth } from "../../../support/berth.ts";
import { startClosedBerth } from "../../../support/closed.ts";
import { waitUntil } from "../../../support/wait.ts";
import { hubAs, textOf, type Body } from "../support.ts";

const indexType = "application/vnd.oci.image.index.v1+json";

/** Pushes an index of these children under a tag, and returns the digests of the children. */
async function pushIndex(
  berth: TestBerth,
  repository: string,
  tag: string,
  children: readonly {
    readonly platform?: object;
    readonly annotations?: object;
    readonly layer: string;
  }[],
): Promise<readonly string[]> {
  const manifests: object[] = [];
  const digests: string[] = [];
  for (const { layer, ...entry } of children) {
    const config = { architecture: "amd64", os: "linux", layer };
    const { manifest, digest } = await pushImageParts(berth, repository, { layer, config });
    await putManifest(berth, repository, digest, manifest).expect(201);
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    manifests.push({ mediaType, digest, size: manifest.length, ...entry });
    digests.push(digest);
  }
  const index = { schemaVersion: 2, mediaType: indexType, manifests };
  await putManifest(berth, repository, tag, index, indexType).expect(201);
  return digests;
}

const names = ({ body }: { readonly body: Body }): readonly unknown[] =>
  (body["results"] as unknown as { name: string }[]).map(({ name }) => name);

describe("tags in the Hub-shaped API", async () => {
  const berth = await startClosedBerth();
  for (const name of ["mia", "tom", "rita"]) await berth.addUser(name);
  await berth.addOrganisation("team", "mia");
  const mia = await hubAs(berth, "mia");
  const anonymous = await hubAs(berth);
  const own = berth.as("mia");
  const digests = await pushIndex(own, "team/multi", "1.4", [
    { layer: "linux", platform: { os: "linux", architecture: "arm64", variant: "v8" } },
    {
      layer: "windows 2022",
      platform: {
        ...{ os: "windows", architecture: "amd64", "os.version": "10.0.20348.2582" },
        "os.features": ["win32k"],
      },
    },
    {
      layer: "windows 2025",
      platform: { os: "windows", architecture: "amd64", "os.version": "10.0.26100.1" },
    },
    {
      layer: "provenance",
      platform: { os: "unknown", architecture: "unknown" },
      annotations: { "vnd.docker.reference.type": "attestation-manifest" },
    },
  ]);
  await berth.exec("UPDATE repositories SET visibility = 'public' WHERE name = 'team/multi'");
  const path = "/v2/repositories/team/multi/tags";

  test("a tag shows its platforms in the order of the index, and its attestations separately", async () => {
    for (const where of [`${path}/1.4/`, "/v2/namespaces/team/repositories/multi/tags/1.4"]) {
      const { status, body } = await anonymous("get", where);
      assert.equal(status, 200);
      assert.equal(body["media_type"], indexType);
      assert.equal(body["content_type"], "image");
      assert.equal(body["last_updater_username"], "mia");
      const images = body["images"] as unknown as Record<string, unknown>[];
      assert.deepEqual(
        images.map((one) => [one["os"], one["architecture"], one["variant"], one["os_version"]]),
        [
          ["linux", "arm64", "v8", null],
          ["windows", "amd64", null, "10.0.20348.2582"],
          ["windows", "amd64", null, "10.0.26100.1"],
        ],
      );
      assert.deepEqual(
        images.map((one) => one["os_features"]),
        ["", "win32k", ""],
      );
      assert.deepEqual(
        images.map((one) => one["digest"]),
        digests.slice(0, 3),
      );
      assert.ok(images.every((one) => Number(one["size"]) > 0));
      const attestations = body["attestations"] as unknown as Record<string, unknown>[];
      assert.deepEqual(
        attestations.map((one) => one["digest"]),
        digests.slice(3),
      );
    }
  });

  test("/images answers a bare array of images with their layers", async () => {
    const { body } = await anonymous("get", `${path}/1.4/images`);
    const images = body as unknown as { layers: { size: number }[] }[];
    assert.equal(images.length, 3);
    assert.deepEqual(
      images.map(({ layers }) => layers.map(({ size }) => size)),
      [["linux".length], ["windows 2022".length], ["windows 2025".length]],
    );
  });

  test("a layer has its build instruction only if the config's history covers all layers", async () => {
    const history = [
      { created_by: "/bin/sh -c #(nop) ADD file:1 in /" },
      { created_by: "ENV A=b", empty_layer: true },
    ];
    const config = { os: "linux", architecture: "amd64", history };
    const told = await pushImageParts(own, "team/told", { layer: "told", config });
    await putManifest(own, "team/told", "1", told.manifest).expect(201);
    const broken = { ...config, history: history.slice(1) };
    const other = await pushImageParts(own, "team/told", { layer: "other", config: broken });
    await putManifest(own, "team/told", "2", other.manifest).expect(201);
    const ask = await hubAs(berth, "mia");
    for (const [tag, instruction] of [
      ["1", "/bin/sh -c #(nop) ADD file:1 in /"],
      ["2", ""],
    ]) {
      const { body } = await ask("get", `/v2/repositories/team/told/tags/${tag}/images`);
      const images = body as unknown as { layers: { instruction: string }[] }[];
      assert.deepEqual(
        images.map(({ layers }) => layers.map((layer) => layer.instruction)),
        [[instruction]],
      );
    }
  });

  test("tags are sorted newest first by default and for both signs of last_updated, or by name", async () => {
    const { manifest } = await pushImageParts(own, "team/multi");
    for (const tag of ["1.5", "1.3", "Old"]) {
      const beforeMs = Date.now();
      await waitUntil("the next tag is younger", () => Date.now() > beforeMs);
      await putManifest(own, "team/multi", tag, manifest).expect(201);
    }
    for (const ordering of ["", "?ordering=last_updated", "?ordering=-last_updated"])
      assert.deepEqual(names(await anonymous("get", path + ordering)), [
        "Old",
        "1.3",
        "1.5",
        "1.4",
      ]);
    assert.deepEqual(names(await anonymous("get", `${path}?ordering=name`)), [
      "1.3",
      "1.4",
      "1.5",
      "Old",
    ]);
    assert.deepEqual(names(await anonymous("get", `${path}?ordering=-name`)), [
      "Old",
      "1.5",
      "1.4",
      "1.3",
    ]);
    assert.deepEqual(names(await anonymous("get", `${path}?name=OL`)), ["Old"]);
  });

  test("a tag that is pushed again keeps its id and updates last_updated", async () => {
    const before = (await anonymous("get", `${path}/1.3`)).body;
    const { manifest } = await pushImageParts(own, "team/multi", { layer: "newer" });
    await putManifest(own, "team/multi", "1.3", manifest).expect(201);
    const after = (await anonymous("get", `${path}/1.3`)).body;
    assert.equal(after["id"], before["id"]);
    assert.notEqual(after["digest"], before["digest"]);
    assert.ok(textOf(after["last_updated"]) >= textOf(before["last_updated"]));
    assert.match(textOf(after["last_updated"]), /Z$/);
  });

  test("a push of the digest that the tag has names its account as the last updater", async () => {
    const { manifest } = await pushImageParts(own, "team/again");
    await putManifest(own, "team/again", "1", manifest).expect(201);
    const tag = "/v2/namespaces/team/repositories/again/tags/1";
    assert.equal((await mia("get", tag)).body["last_updater_username"], "mia");
    await putManifest(berth.as("admin"), "team/again", "1", manifest).expect(201);
    const { body } = await mia("get", tag);
    assert.equal(body["last_updater_username"], "admin");
    assert.notEqual(body["last_updater"], body["creator"]);
    // A row of an older version has no updater: the history names the account that moved the tag.
    await berth.exec("UPDATE tags SET updater = NULL WHERE name = '1'");
    assert.equal((await mia("get", tag)).body["last_updater_username"], "mia");
  });

  test("a new account with the name of a deleted one is not the updater of its tags", async () => {
    const { manifest } = await pushImageParts(own, "team/older");
    await putManifest(own, "team/older", "1", manifest).expect(201);
    await berth.exec(`UPDATE tags SET updater = 'rita', updated_at = 1 WHERE repository_id =
      (SELECT id FROM repositories WHERE name = 'team/older')`);
    await berth.exec(`UPDATE accounts SET created_at = 2 WHERE name = 'rita'`);
    const { body } = await mia("get", "/v2/namespaces/team/repositories/older/tags/1");
    assert.equal(body["last_updater_username"], "rita");
    assert.equal(body["last_updater"], null);
  });

  test("the next links return every tag exactly once, and the count is the number of tags", async () => {
    const { manifest } = await pushImageParts(own, "team/many");
    const made = Array.from({ length: 23 }, (_, at) => `t${String(at).padStart(2, "0")}`);
    const [first = ""] = made;
    await putManifest(own, "team/many", first, manifest).expect(201);
    for (const tag of made.slice(1)) await putManifest(own, "team/many", tag, manifest).expect(201);
    for (const ordering of ["last_updated", "name", "-name"]) {
      const seen: unknown[] = [];
      let next = `/v2/namespaces/team/repositories/many/tags?page_size=5&ordering=${ordering}`;
      while (next !== "") {
        const { body } = await mia("get", next);
        assert.equal(body["count"], 23);
        seen.push(...names({ body }));
        const link = body["next"] as unknown as string | null;
        next = link === null ? "" : new URL(link).pathname + new URL(link).search;
      }
      assert.deepEqual(seen.toSorted(), made);
    }
  });

  test("an admin deletes a tag and this is audited; other callers get 401 or 403", async () => {
    const tom = await hubAs(berth, "tom");
    const one = `${path}/1.5/`;
    assert.equal((await tom("delete", one)).status, 403);
    assert.equal((await anonymous("delete", one)).status, 401);
    assert.equal((await mia("delete", one)).status, 204);
    assert.equal((await mia("get", one)).status, 404);
    assert.equal((await mia("delete", one)).status, 404);
    assert.equal((await anonymous("get", path)).body["count"], 3);
    assert.equal((await mia("get", `${path}/not a tag`)).status, 404);
    const { body } = await mia("get", "/v2/auditlogs/team?action=repo.tag.delete");
    assert.equal(body["logs"]?.[0]?.["name"], "team/multi:1.5");
  });

  test("a repository that was deleted and created again has no tags", async () => {
    await mia("delete", "/v2/repositories/team/many/");
    await mia("post", "/v2/namespaces/team/repositories", { name: "many", namespace: "team" });
    const { status, body } = await mia("get", "/v2/repositories/team/many/tags");
    assert.equal(status, 200);
    assert.equal(body["count"], 0);
  });
});
