import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../../src/oci/digest.ts";
import { pushImageParts, putManifest } from "../../../support/berth.ts";
import { describeSharedApi } from "../../../support/describe-api.ts";
import { pathOf, readManifest, tagsOf } from "./support.ts";

describeSharedApi("several tags in one push", (berth) => {
  const put = (manifest: Buffer, digest: string, tags: readonly string[]) =>
    putManifest(
      berth(),
      "many/tags",
      `${digest}?${tags.map((tag) => `tag=${tag}`).join("&")}`,
      manifest,
    );

  test("a push by digest sets every tag in its query and lists them in OCI-Tag", async () => {
    const image = await pushImageParts(berth(), "many/tags", { layer: "of many tags" });
    const { headers } = await put(image.manifest, image.digest, ["1.2", "1", "x"]).expect(201);
    assert.deepEqual(headers["oci-tag"]?.split(/, ?/), ["1.2", "1", "x"]);
    for (const tag of ["1.2", "1", "x"])
      assert.deepEqual(await readManifest(berth(), "many/tags", tag), image.manifest);
  });

  test("a tag that the query names twice is set and listed once", async () => {
    const image = await pushImageParts(berth(), "many/twice");
    const reference = `${image.digest}?tag=a&tag=b&tag=a`;
    const { headers } = await putManifest(berth(), "many/twice", reference, image.manifest);
    assert.equal(headers["oci-tag"]?.replaceAll(" ", ""), "a,b");
    assert.deepEqual(await tagsOf(berth(), "many/twice"), ["a", "b"]);
  });

  test("a manifest that is pushed by sha512 is served with its sha512 digest, also by tag", async () => {
    const image = await pushImageParts(berth(), "many/sha512");
    const digest = digestOf(image.manifest, "sha512");
    const { headers } = await putManifest(
      berth(),
      "many/sha512",
      `${digest}?tag=a&tag=b`,
      image.manifest,
    ).expect(201);
    assert.equal(headers["docker-content-digest"], digest);
    assert.equal(headers["location"], pathOf("many/sha512", digest));
    for (const reference of ["a", "b", digest]) {
      const got = await berth().api.head(pathOf("many/sha512", reference)).expect(200);
      assert.equal(got.headers["docker-content-digest"], digest);
    }
    await berth().api.get(pathOf("many/sha512", image.digest)).expect(404);
  });

  test("a push with 100 tags is accepted; one with 101 is answered 414 and stores nothing", async () => {
    const image = await pushImageParts(berth(), "many/hundred");
    const tags = Array.from({ length: 101 }, (_, index) => `t${index}`);
    const query = (count: number): string =>
      `${image.digest}?tag=${tags.slice(0, count).join("&tag=")}`;
    const refused = await putManifest(berth(), "many/hundred", query(101), image.manifest);
    assert.equal(refused.status, 414);
    await berth().api.get(pathOf("many/hundred", image.digest)).expect(404);
    assert.deepEqual(await tagsOf(berth(), "many/hundred"), []);
    await putManifest(berth(), "many/hundred", query(100), image.manifest).expect(201);
    assert.deepEqual(await tagsOf(berth(), "many/hundred"), tags.slice(0, 100).toSorted());
  });

  test("one invalid tag rejects the whole push, and nothing is stored", async () => {
    const image = await pushImageParts(berth(), "many/invalid");
    const { body } = await putManifest(
      berth(),
      "many/invalid",
      `${image.digest}?tag=good&tag=not%20good`,
      image.manifest,
    ).expect(400);
    assert.equal(body.errors[0].code, "TAG_INVALID");
    await berth().api.get(pathOf("many/invalid", image.digest)).expect(404);
    assert.deepEqual(await tagsOf(berth(), "many/invalid"), []);
  });

  test("a push by tag ignores tags in its query", async () => {
    const image = await pushImageParts(berth(), "many/plain");
    const { headers } = await putManifest(
      berth(),
      "many/plain",
      "here?tag=there",
      image.manifest,
    ).expect(201);
    assert.equal(headers["oci-tag"], undefined);
    assert.deepEqual(await tagsOf(berth(), "many/plain"), ["here"]);
  });
});
