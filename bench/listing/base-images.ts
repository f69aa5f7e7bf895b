import { createHash } from "node:crypto";

/** Where the images lie that all others are made of: `seed/base`, each under the name of its platform. */
export const baseRepository = "seed/base";
export const platforms = [
  { os: "linux", architecture: "amd64" },
  { os: "linux", architecture: "arm64" },
  { os: "windows", architecture: "amd64", "os.version": "10.0.20348.2762" },
] as const;

const digestOf = (bytes: Buffer): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

export async function pushBaseImages(url: string): Promise<void> {
  for (const platform of platforms) {
    const config = Buffer.from(JSON.stringify({ ...platform, rootfs: { type: "layers" } }));
    const layer = Buffer.from(`a layer for ${platform.os}/${platform.architecture}`);
    for (const blob of [config, layer])
      await send(
        "POST",
        `${url}/v2/${baseRepository}/blobs/uploads/?digest=${digestOf(blob)}`,
        blob,
      );
    const manifest = {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
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
    const tag = `${platform.os}-${platform.architecture}`;
    const bytes = Buffer.from(JSON.stringify(manifest));
    await send("PUT", `${url}/v2/${baseRepository}/manifests/${tag}`, bytes, manifest.mediaType);
  }
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
