import { createHash } from "node:crypto";

/** The repository of the base images, which all others copy. Each has a tag named after its platform. */
export const baseRepository = "seed/base";
export const platforms = [
  { os: "linux", architecture: "amd64" },
  { os: "linux", architecture: "arm64" },
  { os: "windows", architecture: "amd64", "os.version": "10.0.20348.2762" },
] as const;
type Platform = (typeof platforms)[number];

const digestOf = (bytes: Buffer): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

export async function pushBaseImages(url: string): Promise<void> {
  for (const platform of platforms) {
    for (const blob of baseBlobs(platform))
      await send(
        "POST",
        `${url}/v2/${baseRepository}/blobs/uploads/?digest=${digestOf(blob)}`,
        blob,
      );
    const { bytes, mediaType } = baseManifest(platform);
    const tag = `${platform.os}-${platform.architecture}`;
    await send("PUT", `${url}/v2/${baseRepository}/manifests/${tag}`, bytes, mediaType);
  }
}

const configOf = (platform: Platform): Buffer =>
  Buffer.from(JSON.stringify({ ...platform, rootfs: { type: "layers" } }));
const layerOf = ({ os, architecture }: Platform): Buffer =>
  Buffer.from(`a layer for ${os}/${architecture}`);

export const baseBlobs = (platform: Platform = platforms[0]): readonly Buffer[] => [
  configOf(platform),
  layerOf(platform),
];

export function baseManifest(platform: Platform = platforms[0]) {
  const config = configOf(platform);
  const layer = layerOf(platform);
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = {
    ...{ schemaVersion: 2, mediaType },
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      ...{ digest: digestOf(config), size: config.length },
    },
    layers: [
      {
        mediaType: "application/vnd.oci.image.layer.v1.tar",
        ...{ digest: digestOf(layer), size: layer.length },
      },
    ],
  };
  return { bytes: Buffer.from(JSON.stringify(manifest)), mediaType };
}

async function send(
  method: string,
  url: string,
  body: Buffer,
  type = "application/octet-stream",
): Promise<void> {
  const response = await fetch(url, {
    ...{ method, body: new Uint8Array(body), headers: { "content-type": type } },
  });
  if (response.status !== 201) throw new Error(`${method} ${url}: ${response.status}`);
}
