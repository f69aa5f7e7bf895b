import { digestOf, type Digest } from "../../../src/oci/digest.ts";
import { contentOf, type Random } from "../../crash/content.ts";

export const manifestTypes = {
  image: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
} as const;

export interface Blob {
  readonly digest: Digest;
  readonly bytes: Buffer;
}

export interface Manifest {
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly blobs: readonly Blob[];
}

/** An index with a Linux and a Windows image. */
export interface TestImage {
  readonly index: Manifest;
  readonly children: readonly Manifest[];
}

const KiB = 1024;
const MiB = 1024 * KiB;
/** With parts of 5 MiB the last size is a multipart upload. */
const sizes = [90, 700, 9 * KiB, 60 * KiB, 300 * KiB] as const;
const largeBytes = 11 * MiB;

/** @param name unique to this image. Some of its layers are those of other images. */
export function createImage(name: string, random: Random): TestImage {
  const children = [
    createChild(name, { architecture: "amd64", os: "linux" }, random),
    createChild(
      name,
      { architecture: "amd64", os: "windows", "os.version": "10.0.20348.2700" },
      random,
    ),
  ];
  const manifests = children.map(({ manifest, platform }) => ({
    mediaType: manifest.mediaType,
    digest: manifest.digest,
    size: manifest.bytes.length,
    platform,
  }));
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: manifestTypes.index, manifests }),
  );
  return {
    index: { digest: digestOf(bytes), bytes, mediaType: manifestTypes.index, blobs: [] },
    children: children.map(({ manifest }) => manifest),
  };
}

function createChild(
  name: string,
  platform: { readonly architecture: string; readonly os: string; readonly "os.version"?: string },
  random: Random,
): { readonly manifest: Manifest; readonly platform: object } {
  const layers = Array.from({ length: 1 + random.below(2) }, (_, layer) => {
    const sizeBytes = random.below(40) === 0 ? largeBytes : random.oneOf(sizes);
    const seed =
      random.below(4) === 0
        ? `base/${platform.os}/${sizeBytes}`
        : `${name}/${platform.os}/${layer}`;
    return blobOf(contentOf(seed, sizeBytes));
  });
  const config = blobOf(
    Buffer.from(
      JSON.stringify({
        ...platform,
        author: name,
        config: {},
        rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
      }),
    ),
  );
  const describe = (mediaType: string, { digest, bytes }: Blob): object => ({
    mediaType,
    digest,
    size: bytes.length,
  });
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestTypes.image,
      config: describe("application/vnd.oci.image.config.v1+json", config),
      layers: layers.map((layer) => describe("application/vnd.oci.image.layer.v1.tar", layer)),
    }),
  );
  const digest = digestOf(bytes);
  const blobs = [config, ...layers];
  return { manifest: { digest, bytes, mediaType: manifestTypes.image, blobs }, platform };
}

const blobOf = (bytes: Buffer): Blob => ({ digest: digestOf(bytes), bytes });
