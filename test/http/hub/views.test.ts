import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { ociManifest, pushBlob, putManifest, type TestBerth } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { hubAs, type Body } from "./support.ts";

const indexType = "application/vnd.oci.image.index.v1+json";

interface Image {
  readonly digest: string;
  readonly os: string;
  readonly layers: readonly { readonly instruction: string }[];
  readonly layer_count: number;
}

describe("the size limits of answers about pushed content", async () => {
  const berth = await startClosedBerth();
  await berth.addUser("mia");
  const own = berth.as("mia");
  const ask = await hubAs(berth, "mia");

  const pushImage = async (
    repository: string,
    tag: string,
    { config, layers = 1 }: { readonly config: object; readonly layers?: number },
  ): Promise<object> => {
    const text = JSON.stringify(config);
    const layer = await pushBlob(own, repository, "layer");
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: ociManifest,
        config: {
          mediaType: "application/vnd.oci.image.config.v1+json",
          digest: await pushBlob(own, repository, text),
          size: text.length,
        },
        layers: Array.from({ length: layers }, () => ({
          mediaType: "application/vnd.oci.image.layer.v1.tar",
          digest: layer,
          size: 5,
        })),
      }),
    );
    await putManifest(own, repository, tag, manifest).expect(201);
    return { mediaType: ociManifest, digest: digestOf(manifest), size: manifest.length };
  };
  const pushIndex = (berthOf: TestBerth, repository: string, tag: string, manifests: object[]) =>
    putManifest(
      ...[berthOf, repository, tag, { schemaVersion: 2, mediaType: indexType, manifests }],
      indexType,
    ).expect(201);
  const imagesOf = (body: Body): readonly Image[] => body as unknown as readonly Image[];

  test("a tag shows its first 100 platforms, and the tag routes give the full count", async () => {
    const image = await pushImage("mia/many", "one", { config: { os: "linux" } });
    const attestation = {
      ...image,
      annotations: {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": "sha256:0",
      },
    };
    const entries = Array.from({ length: 4_900 }, (_, at) => ({
      ...image,
      platform: { os: "linux", architecture: `a${at}` },
    }));
    await pushIndex(own, "mia/many", "1", [attestation, ...entries]);
    for (const path of [
      "/v2/repositories/mia/many/tags/1",
      "/api/berth/v1/repositories/mia/many/-/tags/1",
    ]) {
      const { body } = await ask("get", path);
      const images = body["images"] as unknown as { architecture: string }[];
      assert.equal(images.length, 100);
      assert.equal(images[99]?.architecture, "a99");
      assert.equal(body["image_count"], 4_900);
      assert.equal((body["attestations"] as unknown as object[]).length, 1);
    }
    for (const path of [
      "/v2/repositories/mia/many/tags?name=1",
      "/api/berth/v1/repositories/mia/many/-/tags",
    ]) {
      const { body } = await ask("get", path);
      const shown = body["results"] as unknown as { name: string; images: object[] }[];
      assert.equal(shown.find(({ name }) => name === "1")?.images.length, 100);
    }
    const { body } = await ask("get", "/v2/repositories/mia/many/tags/1/images");
    assert.equal(imagesOf(body).length, 100);
  });

  test("an image shows its first 500 layers and the full count", async () => {
    await pushImage("mia/deep", "1", { config: { os: "linux" }, layers: 2_000 });
    const { body } = await ask("get", "/v2/repositories/mia/deep/tags/1/images");
    const [image] = imagesOf(body);
    assert.deepEqual([image?.layers.length, image?.layer_count], [500, 2_000]);
  });

  test("instructions are cut at 4,000 characters, and not read from a config above 256 KiB", async () => {
    const step = (text: string) => ({ history: [{ created_by: text }] });
    await pushImage("mia/config", "small", { config: { os: "linux", ...step("x".repeat(9_000)) } });
    await pushImage("mia/config", "large", {
      config: { os: "linux", ...step("x".repeat(300_000)) },
    });
    const read = async (tag: string) =>
      imagesOf((await ask("get", `/v2/repositories/mia/config/tags/${tag}/images`)).body)[0];
    assert.equal((await read("small"))?.layers[0]?.instruction.length, 4_000);
    const large = await read("large");
    assert.deepEqual([large?.os, large?.layers[0]?.instruction], ["linux", ""]);
  });

  test("an image shows no platform if its config has too many JSON values (60,000)", async () => {
    const config = { os: "linux", architecture: "amd64", history: Array(60_000).fill(0) };
    await pushImage("mia/config", "values", { config });
    const { body } = await ask("get", "/v2/repositories/mia/config/tags/values/images");
    const [image] = imagesOf(body);
    assert.deepEqual([image?.os, image?.layers.length], ["", 1]);
  });

  test("a diff shows at most 1,000 fields and 500 layers, and the full counts", async () => {
    const variables = (value: string) =>
      Array.from({ length: 5_000 }, (_, at) => `V${at}=${value}`);
    for (const [tag, layers] of [
      ["a", 2_000],
      ["b", 1],
    ] as const)
      await pushImage("mia/compared", tag, {
        config: { os: "linux", config: { Env: variables(tag) } },
        layers,
      });
    const { body } = await ask("get", "/api/berth/v1/repositories/mia/compared/-/diff?from=b&to=a");
    assert.equal((body["config"] as unknown as object[]).length, 1_000);
    assert.equal(body["config_change_count"], 5_000);
    assert.equal((body as unknown as { layers: { shared: object[] } }).layers.shared.length, 500);
    assert.deepEqual(body["layer_counts"], { shared: 2_000, added: 0, removed: 0 });
  });

  test("the os of a platform is cut at 255 characters, and a longer os.features entry is left out", async () => {
    const image = await pushImage("mia/long", "one", { config: { os: "linux" } });
    await pushIndex(own, "mia/long", "1", [
      { ...image, platform: { os: "o".repeat(1_000_000), "os.features": ["f".repeat(1_000_000)] } },
    ]);
    const { body } = await ask("get", "/api/berth/v1/repositories/mia/long/-/tags/1");
    const [shown] = body["images"] as unknown as { os: string; os_features: string[] }[];
    assert.deepEqual([shown?.os.length, shown?.os_features], [255, []]);
  });
});
