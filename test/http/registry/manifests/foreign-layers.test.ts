import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../../src/oci/digest.ts";
import * as types from "../../../../src/oci/media-types.ts";
import { pushImageParts, putManifest } from "../../../support/berth.ts";
import { describeSharedApi } from "../../../support/describe-api.ts";

describeSharedApi("the foreign layers of a manifest", (berth) => {
  const elsewhere = digestOf(Buffer.from("a base layer that only its vendor hands out"));
  const putLayer = async (repository: string, layer: object) => {
    const image = await pushImageParts(berth(), repository);
    const manifest = JSON.parse(image.manifest.toString());
    manifest.layers.unshift({ digest: elsewhere, size: 44, ...layer });
    return putManifest(berth(), repository, "1", manifest);
  };

  for (const mediaType of [
    types.DOCKER_FOREIGN_LAYER,
    types.DOCKER_FOREIGN_LAYER_GZIP,
    types.OCI_NONDISTRIBUTABLE_LAYER,
    types.OCI_NONDISTRIBUTABLE_LAYER_GZIP,
    types.OCI_NONDISTRIBUTABLE_LAYER_ZSTD,
  ]) {
    test(`a missing ${mediaType} layer with urls is accepted`, async () => {
      const urls = ["https://layers.example/base", "http://mirror.example/base?x=1"];
      assert.equal((await putLayer("foreign/layers", { mediaType, urls })).status, 201);
      await berth().api.get(`/v2/foreign/layers/blobs/${elsewhere}`).expect(404);
    });

    for (const url of [
      "ftp://layers.example/base",
      "file:///etc/passwd",
      "https://layers.example/#part",
      "layers.example/base",
      "",
    ]) {
      test(`a missing ${mediaType} layer with the URL ${JSON.stringify(url)} is rejected`, async () => {
        const { status, body } = await putLayer("foreign/urls", { mediaType, urls: [url] });
        assert.deepEqual([status, body.errors[0].code], [400, "MANIFEST_INVALID"]);
      });
    }
  }

  for (const [mediaType, code] of [
    [types.DOCKER_FOREIGN_LAYER_GZIP, "MANIFEST_INVALID"],
    [types.OCI_NONDISTRIBUTABLE_LAYER_GZIP, "MANIFEST_BLOB_UNKNOWN"],
  ] as const) {
    for (const layer of [{ mediaType, urls: [] }, { mediaType }]) {
      test(`a missing ${mediaType} layer ${"urls" in layer ? "with empty" : "without"} urls is rejected with ${code}`, async () => {
        const { status, body } = await putLayer("foreign/empty", layer);
        assert.deepEqual([status, body.errors[0].code], [400, code]);
      });
    }
  }

  test("DELETE of a foreign layer that is not stored is answered 404 BLOB_UNKNOWN", async () => {
    const mediaType = types.DOCKER_FOREIGN_LAYER_GZIP;
    const urls = ["https://layers.example/base"];
    assert.equal((await putLayer("foreign/absent", { mediaType, urls })).status, 201);
    const { body } = await berth().api.delete(`/v2/foreign/absent/blobs/${elsewhere}`).expect(404);
    assert.equal(body.errors[0].code, "BLOB_UNKNOWN");
  });
});
