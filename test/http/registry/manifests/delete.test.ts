import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../../src/oci/digest.ts";
import * as types from "../../../../src/oci/media-types.ts";
import { putManifest } from "../../../support/berth.ts";
import { describeSharedApi } from "../../../support/describe-api.ts";
import { nowhere, pathOf, pushImage, readManifest, tagsOf } from "./support.ts";

describeSharedApi("deleting a manifest", (berth) => {
  test("DELETE by tag removes only that tag and keeps the manifest", async () => {
    const image = await pushImage(berth(), "delete/tag", "1");
    await putManifest(berth(), "delete/tag", "2", image.manifest).expect(201);
    await berth().api.delete(pathOf("delete/tag", "1")).expect(202);
    await berth().api.head(pathOf("delete/tag", "1")).expect(404);
    assert.deepEqual(await tagsOf(berth(), "delete/tag"), ["2"]);
    assert.deepEqual(await readManifest(berth(), "delete/tag", image.digest), image.manifest);
  });

  test("DELETE by digest removes the manifest and all its tags, and no other manifest", async () => {
    const kept = await pushImage(berth(), "delete/digest", "kept", "kept");
    const image = await pushImage(berth(), "delete/digest", "1", "gone");
    await putManifest(berth(), "delete/digest", "2", image.manifest).expect(201);
    await berth().api.delete(pathOf("delete/digest", image.digest)).expect(202);
    for (const reference of ["1", "2", image.digest])
      await berth().api.head(pathOf("delete/digest", reference)).expect(404);
    assert.deepEqual(await tagsOf(berth(), "delete/digest"), ["kept"]);
    assert.deepEqual(await readManifest(berth(), "delete/digest", "kept"), kept.manifest);
  });

  test("DELETE of an unknown tag, digest or repository is answered 404", async () => {
    const image = await pushImage(berth(), "delete/unknown", "1");
    await berth().api.delete(pathOf("delete/unknown", image.digest)).expect(202);
    for (const reference of ["1", "2", image.digest, nowhere]) {
      const { body } = await berth().api.delete(pathOf("delete/unknown", reference)).expect(404);
      assert.equal(body.errors[0].code, "MANIFEST_UNKNOWN");
    }
    await berth().api.delete(pathOf("delete/nothing", "1")).expect(404);
  });

  test("DELETE in one repository keeps the manifest in another", async () => {
    const image = await pushImage(berth(), "delete/one", "1");
    await pushImage(berth(), "delete/two", "1");
    await berth().api.delete(pathOf("delete/one", image.digest)).expect(202);
    assert.deepEqual(await readManifest(berth(), "delete/two", "1"), image.manifest);
  });

  test("a deleted manifest can be pushed again at once", async () => {
    const image = await pushImage(berth(), "delete/again", "1");
    await berth().api.delete(pathOf("delete/again", image.digest)).expect(202);
    await putManifest(berth(), "delete/again", "1", image.manifest).expect(201);
    assert.deepEqual(await readManifest(berth(), "delete/again", "1"), image.manifest);
  });

  test("DELETE of an index keeps its children", async () => {
    const image = await pushImage(berth(), "delete/index", "1");
    const index = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: types.OCI_INDEX,
        manifests: [
          { mediaType: types.OCI_MANIFEST, digest: image.digest, size: image.manifest.length },
        ],
      }),
    );
    await putManifest(berth(), "delete/index", "i", index, types.OCI_INDEX).expect(201);
    await berth()
      .api.delete(pathOf("delete/index", digestOf(index)))
      .expect(202);
    assert.deepEqual(await readManifest(berth(), "delete/index", image.digest), image.manifest);
  });
});
