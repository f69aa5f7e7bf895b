import { createContent, digestOf, type Content } from "./content.ts";

export const manifestType = "application/vnd.oci.image.manifest.v1+json";
const configType = "application/vnd.oci.image.config.v1+json";
const layerType = "application/vnd.oci.image.layer.v1.tar";

export interface Blob {
  readonly digest: string;
  readonly content: Content;
}

export interface Image {
  readonly blobs: readonly Blob[];
  readonly manifest: Buffer;
  readonly digest: string;
}

function createBlob(content: Content): Blob {
  return { digest: digestOf(content), content };
}

/** Generates an image from `seed`, with a config of about 2 KiB and the layers. The same seed gives the same bytes. */
export function createImage(seed: string, layerBytes: readonly number[]): Image {
  const layers = layerBytes.map((size, at) => createBlob(createContent(`${seed} ${at}`, size)));
  const configBytes = Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: { Env: ["PATH=/usr/bin"], Labels: { seed, filled: "berth ".repeat(280) } },
      rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
    }),
  );
  const config = createBlob({
    sizeBytes: configBytes.length,
    *chunks() {
      yield configBytes;
    },
    matches: (offset, chunk) =>
      configBytes.subarray(offset, offset + chunk.length).compare(chunk) === 0,
  });
  const descriptor = (mediaType: string, { digest, content }: Blob): object => ({
    mediaType,
    digest,
    size: content.sizeBytes,
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: descriptor(configType, config),
      layers: layers.map((layer) => descriptor(layerType, layer)),
    }),
  );
  return { blobs: [config, ...layers], manifest, digest: digestOf(manifest) };
}
