import { randomUUID } from "node:crypto";
import type { Content, PlatformIndex } from "./platform-index.ts";
import { digestOf } from "./registry-reader.ts";
import { createGzip, createTarball } from "./tarball.ts";

/** An image of one small layer for linux/amd64. Its bytes are unique, so that each push uploads a layer. */
export function createSmallImage(): PlatformIndex {
  const tar = createTarball([{ path: "notes", content: `${randomUUID()}\n` }]);
  const layer = contentOf("application/vnd.oci.image.layer.v1.tar+gzip", createGzip(tar));
  const config = jsonOf("application/vnd.oci.image.config.v1+json", {
    architecture: "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
  });
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const root = jsonOf(mediaType, {
    schemaVersion: 2,
    mediaType,
    config: config.descriptor,
    layers: [layer.descriptor],
  });
  return { root, children: [], blobs: [config, layer], foreign: [] };
}

function contentOf(mediaType: string, bytes: Buffer): Content {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

const jsonOf = (mediaType: string, value: object): Content =>
  contentOf(mediaType, Buffer.from(JSON.stringify(value)));
