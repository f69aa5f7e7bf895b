import { digestOf, type Digest } from "../../src/oci/digest.ts";
import { ociManifest, pushBlob, putManifest } from "../support/berth.ts";

export const ociIndex = "application/vnd.oci.image.index.v1+json";

/** Pushes an index with 4,900 children under 99 tags, and an index with 100 platforms with long names. */
export async function pushIndexes(own: Parameters<typeof putManifest>[0], descriptor: object) {
  const index = (manifests: readonly object[]): Buffer =>
    Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests }));
  const many = index(
    Array.from({ length: 4_900 }, (_, at) => ({
      ...descriptor,
      platform: { os: "linux", architecture: `a${at}`, variant: "v8" },
    })),
  );
  const tags = Array.from({ length: 99 }, (_, at) => `tag=z-index-${at}`).join("&");
  await putManifest(own, "mia/big", `${digestOf(many)}?${tags}`, many, ociIndex).expect(201);
  const long = index(
    Array.from({ length: 100 }, () => ({
      ...descriptor,
      annotations: { "vnd.docker.reference.digest": "d".repeat(7_000) },
      platform: { os: "o".repeat(20_000), "os.features": Array(20).fill("f".repeat(200)) },
    })),
  );
  await putManifest(own, "mia/big", "z-long", long, ociIndex).expect(201);
  const rest = { annotations: { a: '"'.repeat(1_900_000) } };
  const quotes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [], ...rest }),
  );
  await putManifest(own, "mia/big", digestOf(quotes), quotes, ociIndex).expect(201);
  return [many, long, quotes].map((bytes) => digestOf(bytes));
}

/** Pushes images whose configs are deep, wide, or of wrong types. */
export async function pushHostileConfigs(own: Parameters<typeof putManifest>[0], layer: Digest) {
  const digests: Digest[] = [];
  for (const text of [
    "[".repeat(200_000),
    `{"a":`.repeat(60) + "1" + "}".repeat(60),
    `{"history":[${"{},".repeat(80_000)}{}]}`,
    JSON.stringify({ history: Array.from({ length: 9_000 }, () => ({ empty_layer: true })) }),
    JSON.stringify({ config: { Env: { A: 1 }, Labels: ["a"], Cmd: "x", Volumes: [null] } }),
    JSON.stringify({
      config: {
        ExposedPorts: Object.fromEntries(Array.from({ length: 9_900 }, (_, at) => [at, {}])),
      },
    }),
    JSON.stringify({ history: [{ created_by: "\u0001".repeat(40_000) }] }),
    "x".repeat(300_000),
  ]) {
    const digest = await pushBlob(own, "mia/big", text);
    const config = {
      mediaType: "application/vnd.oci.image.config.v1+json",
      ...{ digest, size: text.length },
    };
    const layers = [
      { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layer, size: 7 },
    ];
    const image = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: ociManifest, config, layers }),
    );
    await putManifest(own, "mia/big", digestOf(image), image).expect(201);
    digests.push(digestOf(image));
  }
  return digests;
}

/** Pushes two images whose configs are nearly as large as the Hub API reads, and indexes that name each 100 times. */
export async function pushConfigs(own: Parameters<typeof putManifest>[0], layer: Digest) {
  const digests: Digest[] = [];
  for (const [tag, value] of [
    ["first", "a"],
    ["second", "b"],
  ] as const) {
    const variables = Array.from({ length: 14_000 }, (_, at) => `V${at}=${value}`);
    const history = Array.from({ length: 100 }, (_, at) => ({ created_by: `RUN ${at}` }));
    const text = JSON.stringify({ os: "linux", config: { Env: variables }, history });
    const digest = await pushBlob(own, "mia/big", text);
    const layers = Array.from({ length: 4_900 }, () => ({
      ...{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layer, size: 7 },
    }));
    const config = {
      mediaType: "application/vnd.oci.image.config.v1+json",
      ...{ digest, size: text.length },
    };
    const manifest = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: ociManifest, config, layers }),
    );
    await putManifest(own, "mia/big", `config-${tag}`, manifest).expect(201);
    const child = { mediaType: ociManifest, digest: digestOf(manifest), size: manifest.length };
    const index = {
      schemaVersion: 2,
      mediaType: ociIndex,
      manifests: Array.from({ length: 100 }, () => child),
    };
    await putManifest(own, "mia/big", `configs-${tag}`, index, ociIndex).expect(201);
    digests.push(digestOf(manifest));
  }
  return digests;
}
