import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf, type Digest } from "../../../../src/oci/digest.ts";
import * as types from "../../../../src/oci/media-types.ts";
import { pushBlob, pushImageParts, putManifest } from "../../../support/berth.ts";
import { describeSharedApi } from "../../../support/describe-api.ts";
import { nowhere, pathOf, pushImage, readManifest, tagsOf } from "./support.ts";

describeSharedApi("the blobs and manifests that a manifest references", (berth) => {
  test("a push with missing blobs is rejected with one error per blob, and nothing is stored", async () => {
    const image = await pushImageParts(berth(), "names/missing");
    const absent = ["one", "two"].map((text) => digestOf(Buffer.from(`absent ${text}`)));
    const manifest = JSON.parse(image.manifest.toString());
    manifest.config.digest = absent[0];
    manifest.layers.push({ mediaType: types.OCI_LAYER, digest: absent[1], size: 3 });
    const document = Buffer.from(JSON.stringify(manifest));
    const { body } = await putManifest(berth(), "names/missing", "1", document).expect(400);
    assert.deepEqual(
      body.errors.map((error: { code: string; detail: unknown }) => [error.code, error.detail]),
      absent.map((digest) => ["MANIFEST_BLOB_UNKNOWN", { digest }]),
    );
    await berth().api.get(pathOf("names/missing", "1")).expect(404);
    await berth()
      .api.get(pathOf("names/missing", digestOf(document)))
      .expect(404);
    assert.deepEqual(await tagsOf(berth(), "names/missing"), []);
  });

  test("a manifest whose blobs are only in another repository is rejected and creates no repository", async () => {
    const image = await pushImageParts(berth(), "names/here");
    await putManifest(berth(), "names/elsewhere", "1", image.manifest).expect(400);
    const { body } = await berth().api.get("/v2/names/elsewhere/tags/list").expect(404);
    assert.equal(body.errors[0].code, "NAME_UNKNOWN");
  });

  test("blobs and children that are only in another repository count as missing in an existing one", async () => {
    const image = await pushImage(berth(), "names/owner", "1");
    await pushImage(berth(), "names/exists", "1", "not the same layer");
    const { body } = await putManifest(berth(), "names/exists", "2", image.manifest).expect(400);
    const { digest } = JSON.parse(image.manifest.toString()).layers[0];
    assert.deepEqual(
      body.errors.map((error: { code: string; detail: unknown }) => [error.code, error.detail]),
      [["MANIFEST_BLOB_UNKNOWN", { digest }]],
    );
    const child = {
      mediaType: types.OCI_MANIFEST,
      digest: image.digest,
      size: image.manifest.length,
    };
    const index = { schemaVersion: 2, mediaType: types.OCI_INDEX, manifests: [child] };
    await putManifest(berth(), "names/exists", "i", index, types.OCI_INDEX).expect(400);
    assert.deepEqual(await tagsOf(berth(), "names/exists"), ["1"]);
  });

  test("an index is rejected unless its children are in the same repository", async () => {
    const image = await pushImage(berth(), "names/children", "1");
    const index = {
      schemaVersion: 2,
      mediaType: types.OCI_INDEX,
      manifests: [image.digest, nowhere].map((digest) => ({
        mediaType: types.OCI_MANIFEST,
        digest,
        size: image.manifest.length,
      })),
    };
    const refused = await putManifest(berth(), "names/children", "i", index, types.OCI_INDEX);
    assert.equal(refused.status, 400);
    assert.deepEqual(
      refused.body.errors.map((error: { detail: { digest: string } }) => error.detail.digest),
      [nowhere],
    );
    index.manifests.pop();
    await putManifest(berth(), "names/children", "i", index, types.OCI_INDEX).expect(201);
    await putManifest(berth(), "names/other", "i", index, types.OCI_INDEX).expect(400);
  });

  test("an empty index and an index of indexes are accepted", async () => {
    const empty = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: types.OCI_INDEX, manifests: [] }),
    );
    await putManifest(berth(), "names/nested", "empty", empty, types.OCI_INDEX).expect(201);
    const outer = {
      schemaVersion: 2,
      mediaType: types.OCI_INDEX,
      manifests: [{ mediaType: types.OCI_INDEX, digest: digestOf(empty), size: empty.length }],
    };
    await putManifest(berth(), "names/nested", "outer", outer, types.OCI_INDEX).expect(201);
  });

  test("a BuildKit cache, an index whose children are blobs, is accepted", async () => {
    const children = [];
    for (const [text, mediaType] of [
      ["layer of a cache", types.OCI_LAYER_GZIP],
      ["{}", "application/vnd.buildkit.cacheconfig.v0"],
    ] as const) {
      const digest = await pushBlob(berth(), "names/cache", text);
      children.push({ mediaType, digest, size: text.length });
    }
    const index = { schemaVersion: 2, mediaType: types.OCI_INDEX, manifests: children };
    await putManifest(berth(), "names/cache", "buildcache", index, types.OCI_INDEX).expect(201);
  });

  test("an image whose layer is a manifest is rejected with 400", async () => {
    const image = await pushImage(berth(), "names/mixed", "1");
    const odd = JSON.parse(image.manifest.toString());
    odd.layers[0].digest = image.digest;
    await putManifest(berth(), "names/mixed", "2", odd).expect(400);
  });

  test("Docker manifests and manifest lists are served with their own media types", async () => {
    const config = await pushBlob(berth(), "names/docker", "{}");
    const layer = await pushBlob(berth(), "names/docker", "docker layer");
    const image = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: types.DOCKER_MANIFEST,
        config: { mediaType: types.DOCKER_IMAGE_CONFIG, digest: config, size: 2 },
        layers: [{ mediaType: types.DOCKER_LAYER, digest: layer, size: 12 }],
      }),
    );
    const list = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: types.DOCKER_MANIFEST_LIST,
        manifests: [
          {
            mediaType: types.DOCKER_MANIFEST,
            digest: digestOf(image),
            size: image.length,
            platform: { architecture: "amd64", os: "linux", features: ["sse4"] },
          },
        ],
      }),
    );
    for (const [tag, document, type] of [
      ["image", image, types.DOCKER_MANIFEST],
      ["list", list, types.DOCKER_MANIFEST_LIST],
    ] as const) {
      await putManifest(berth(), "names/docker", tag, document, type).expect(201);
      const { headers } = await berth().api.head(pathOf("names/docker", tag)).expect(200);
      assert.equal(headers["content-type"], type);
      assert.deepEqual(await readManifest(berth(), "names/docker", tag), document);
    }
  });

  for (const type of [types.DOCKER_SCHEMA1, types.DOCKER_SCHEMA1_SIGNED]) {
    test(`a manifest of type ${type} is rejected with MANIFEST_INVALID`, async () => {
      const document = { schemaVersion: 1, name: "a", tag: "b", fsLayers: [], history: [] };
      const { body } = await putManifest(berth(), "names/old", "1", document, type).expect(400);
      assert.equal(body.errors[0].code, "MANIFEST_INVALID");
    });
  }
});

describeSharedApi(
  "manifests, sparse",
  (berth) => {
    const index = (digest: Digest) => ({
      schemaVersion: 2,
      mediaType: types.OCI_INDEX,
      manifests: [{ mediaType: types.OCI_MANIFEST, digest, size: 7 }],
    });

    test("an index with missing children is accepted", async () => {
      const document = index(nowhere);
      await putManifest(berth(), "sparse/index", "1", document, types.OCI_INDEX).expect(201);
      await berth().api.get(pathOf("sparse/index", "1")).expect(200);
      await berth().api.get(pathOf("sparse/index", nowhere)).expect(404);
    });

    test("an image with a missing config and missing layers is accepted", async () => {
      const image = await pushImageParts(berth(), "sparse/source");
      await putManifest(berth(), "sparse/image", "1", image.manifest).expect(201);
      assert.deepEqual(await readManifest(berth(), "sparse/image", "1"), image.manifest);
      await berth().api.get(`/v2/sparse/image/blobs/${image.layer}`).expect(404);
    });

    test("a body that is not a manifest is still rejected with 400", async () => {
      await putManifest(berth(), "sparse/body", "1", Buffer.from("{}")).expect(400);
    });
  },
  { sparse: "true" },
);
