import { digestOf } from "../../src/oci/digest.ts";
import type { Digest } from "../../src/oci/digest.ts";
import * as types from "../../src/oci/media-types.ts";

/** Any JSON object. Tests replace fields to make it invalid. */
export type Body = Readonly<Record<string, unknown>>;

export function bytesOf(body: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(body));
}

/** The digest of a text. */
export function digestFor(content: string): Digest {
  return digestOf(new TextEncoder().encode(content));
}

export function descriptor(mediaType: string, content: string, extra: Body = {}): Body {
  return { mediaType, size: content.length, digest: digestFor(content), ...extra };
}

const gzip = (content: string): Body => descriptor(types.OCI_LAYER_GZIP, content);

/** As `docker push` of the graphdriver store sends it. */
export const dockerImage: Body = {
  schemaVersion: 2,
  mediaType: types.DOCKER_MANIFEST,
  config: descriptor(types.DOCKER_IMAGE_CONFIG, "docker config"),
  layers: [
    descriptor(types.DOCKER_LAYER, "docker base"),
    descriptor(types.DOCKER_LAYER, "docker app"),
  ],
};

/** As `docker manifest push` sends it. */
export const dockerList: Body = {
  schemaVersion: 2,
  mediaType: types.DOCKER_MANIFEST_LIST,
  manifests: [
    descriptor(types.DOCKER_MANIFEST, "list amd64", {
      platform: { architecture: "amd64", os: "linux", features: ["sse4"] },
    }),
    descriptor(types.DOCKER_MANIFEST, "list arm", {
      platform: { architecture: "arm", os: "linux", variant: "v7" },
    }),
  ],
};

export const ociImage: Body = {
  schemaVersion: 2,
  mediaType: types.OCI_MANIFEST,
  config: descriptor(types.OCI_IMAGE_CONFIG, "oci config"),
  layers: [gzip("oci base"), descriptor(types.OCI_LAYER_ZSTD, "oci zstd"), gzip("oci app")],
  annotations: { "org.opencontainers.image.created": "2026-01-02T03:04:05Z" },
};

export const ociIndex: Body = {
  schemaVersion: 2,
  mediaType: types.OCI_INDEX,
  manifests: [
    descriptor(types.OCI_MANIFEST, "index amd64", {
      platform: { architecture: "amd64", os: "linux" },
    }),
    descriptor(types.OCI_INDEX, "nested index"),
  ],
};

/** As `oras attach` or `cosign` sends it: empty config, a subject, an artifact type. */
export const artifact: Body = {
  schemaVersion: 2,
  mediaType: types.OCI_MANIFEST,
  artifactType: "application/vnd.example.sbom+json",
  config: descriptor(types.OCI_EMPTY, "{}", { data: "e30=" }),
  layers: [
    descriptor("application/spdx+json", "sbom", {
      annotations: { "org.opencontainers.image.title": "sbom.spdx.json" },
    }),
  ],
  subject: descriptor(types.OCI_MANIFEST, "the image"),
  annotations: { "org.example.tool": "scanner" },
};

/** An image with provenance as BuildKit pushes it: the second child is the attestation of the first. */
export const attestedIndex: Body = {
  schemaVersion: 2,
  mediaType: types.OCI_INDEX,
  manifests: [
    descriptor(types.OCI_MANIFEST, "built image", {
      platform: { architecture: "amd64", os: "linux" },
    }),
    descriptor(types.OCI_MANIFEST, "its provenance", {
      annotations: {
        "vnd.docker.reference.digest": digestFor("built image"),
        "vnd.docker.reference.type": "attestation-manifest",
      },
      platform: { architecture: "unknown", os: "unknown" },
    }),
  ],
};

export const windowsBuilds = ["10.0.26100.4652", "10.0.20348.3932", "10.0.17763.7558"];

/** Three Windows builds of one os and architecture, newest first, and one Linux image after the first build. */
export const windowsIndex: Body = {
  schemaVersion: 2,
  mediaType: types.OCI_INDEX,
  manifests: windowsBuilds.flatMap((build, i) => [
    descriptor(types.OCI_MANIFEST, build, {
      platform: {
        architecture: "amd64",
        os: "windows",
        "os.version": build,
        "os.features": ["win32k"],
      },
    }),
    ...(i === 0
      ? [descriptor(types.OCI_MANIFEST, "l", { platform: { architecture: "amd64", os: "linux" } })]
      : []),
  ]),
};
