import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../../src/oci/digest.ts";
import { OCI_INDEX } from "../../../../src/oci/media-types.ts";
import { ociManifest, pushImageParts, putManifest } from "../../../support/berth.ts";
import { describeApi } from "../../../support/describe-api.ts";

const absent = digestOf(Buffer.from("bytes that were never pushed"));
const vendorType = "application/vnd.example.model.v1+json";

type Fields = Record<string, unknown>;
interface Image extends Fields {
  readonly config: Fields;
  readonly layers: [Fields];
}

describeApi(
  "what other registries accept in a manifest",
  (berth) => {
    const imageIn = async (repository: string): Promise<Image> => {
      const { manifest } = await pushImageParts(berth(), repository);
      return JSON.parse(manifest.toString()) as Image;
    };
    const put = (repository: string, document: unknown, type = ociManifest) =>
      putManifest(berth(), repository, "1", Buffer.from(JSON.stringify(document)), type);

    const harmless: Readonly<Record<string, (image: Image) => unknown>> = {
      "a layer type without a slash, of `oras push f.txt:sbom`": (image) => ({
        ...image,
        layers: [{ ...image.layers[0], mediaType: "sbom" }],
      }),
      "an artifact type and a config type without a slash": (image) => ({
        ...image,
        artifactType: "signature",
        config: { ...image.config, mediaType: "unknown" },
      }),
      "inline data that is not what the digest says, of `regctl image mod --data-max`": (
        image,
      ) => ({
        ...image,
        config: { ...image.config, data: "e30=" },
      }),
      "a config with a text that is no URL in urls": (image) => ({
        ...image,
        config: { ...image.config, urls: ["example.com/url"] },
      }),
      "annotations whose value is null": (image) => ({
        ...image,
        annotations: { "org.example.a": null, "org.example.b": "text" },
        layers: [{ ...image.layers[0], annotations: { "org.example.a": null } }],
      }),
      "a layer with urls that is not in the registry": (image) => ({
        ...image,
        layers: [
          image.layers[0],
          { ...image.layers[0], digest: absent, urls: ["https://example.com/layer"] },
        ],
      }),
    };
    test("an index whose child has invalid urls is accepted and served unchanged", async () => {
      const image = Buffer.from(JSON.stringify(await imageIn("lenient/app")));
      await putManifest(berth(), "lenient/app", "1", image).expect(201);
      const child = { mediaType: ociManifest, digest: digestOf(image), size: image.length };
      const manifests = ["example.com/url", "ftp://a/#b", ""].map((url) => ({
        ...child,
        urls: [url],
      }));
      const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
      await put("lenient/app", index, OCI_INDEX).expect(201);
      const { text } = await berth().api.get("/v2/lenient/app/manifests/1").buffer(true);
      assert.equal(text, JSON.stringify(index));
    });

    for (const [what, change] of Object.entries(harmless))
      test(`a manifest with ${what} is accepted and served unchanged`, async () => {
        const document = change(await imageIn("lenient/app"));
        await put("lenient/app", document).expect(201);
        const { text } = await berth().api.get("/v2/lenient/app/manifests/1").buffer(true);
        assert.equal(text, JSON.stringify(document));
      });

    const harmful: Readonly<Record<string, (image: Image) => unknown>> = {
      "a key that differs only in case from a known one": (image) => ({ ...image, Layers: [] }),
      "a negative size": (image) => ({ ...image, config: { ...image.config, size: -1 } }),
      "layers and manifests": (image) => ({ ...image, manifests: [] }),
      "an absent layer with a text that is no URL in urls": (image) => ({
        ...image,
        layers: [{ ...image.layers[0], digest: absent, urls: ["example.com/url"] }],
      }),
      "an absent child whose urls are valid": (image) => ({
        schemaVersion: 2,
        mediaType: OCI_INDEX,
        manifests: [{ ...image.layers[0], digest: absent, urls: ["https://example.com/url"] }],
      }),
      "an absent layer without urls": (image) => ({
        ...image,
        layers: [{ ...image.layers[0], digest: absent }],
      }),
    };
    for (const [what, change] of Object.entries(harmful))
      test(`a manifest with ${what} is rejected with 400`, async () => {
        const document = change(await imageIn("lenient/app")) as Fields;
        const type = document["mediaType"] === OCI_INDEX ? OCI_INDEX : ociManifest;
        await put("lenient/app", document, type).expect(400);
      });

    test("a manifest with a duplicate key is rejected with 400", async () => {
      const document = JSON.stringify(await imageIn("lenient/app"));
      const twice = Buffer.from(document.replace("{", '{"schemaVersion":2,'));
      await putManifest(berth(), "lenient/app", "1", twice).expect(400);
    });

    test("a media type in manifests.mediaTypes is accepted, and another vendor type is rejected", async () => {
      const { config } = await imageIn("lenient/vendor");
      await put("lenient/vendor", { weights: [config] }, vendorType).expect(201);
      await put("lenient/vendor", { weights: [config] }, `${vendorType}x`).expect(400);
    });

    test("a list request with an empty n is answered like one without n", async () => {
      await put("lenient/app", await imageIn("lenient/app")).expect(201);
      for (const list of ["lenient/app/tags/list", "_catalog"]) {
        const { body } = await berth().api.get(`/v2/${list}?n=`).expect(200);
        assert.deepEqual(body, (await berth().api.get(`/v2/${list}`).expect(200)).body);
      }
    });

    test("404 errors have the codes and messages of the specification", async () => {
      const id = "00000000-0000-4000-8000-000000000000";
      const texts = async (path: string): Promise<readonly string[]> => {
        const { body } = await berth().api.get(`/v2/${path}`).expect(404);
        const { errors } = body as { errors: { code: string; message: string }[] };
        return errors.flatMap(({ code, message }) => [code, message]);
      };
      const manifest = ["MANIFEST_UNKNOWN", "manifest unknown"];
      assert.deepEqual(await texts("lenient/app/manifests/none"), manifest);
      assert.deepEqual(await texts("lenient/none/manifests/1"), manifest);
      assert.deepEqual(await texts(`lenient/app/blobs/${absent}`), [
        ...["BLOB_UNKNOWN", "blob unknown to registry"],
      ]);
      assert.deepEqual(await texts("lenient/none/tags/list"), [
        ...["NAME_UNKNOWN", "repository name not known to registry"],
      ]);
      assert.deepEqual(await texts(`lenient/app/blobs/uploads/${id}`), [
        ...["BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry"],
      ]);
    });
  },
  { "manifests.mediaTypes": vendorType },
);
