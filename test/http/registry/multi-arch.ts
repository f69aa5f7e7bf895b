import { digestOf, type Digest } from "../../../src/oci/digest.ts";
import * as types from "../../../src/oci/media-types.ts";
import { pushBlob, putManifest, type TestBerth } from "../../support/berth.ts";

export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly "os.version"?: string;
  readonly "os.features"?: readonly string[];
}

/** The media types of the OCI or the Docker format. */
export interface Form {
  readonly name: string;
  readonly index: string;
  readonly manifest: string;
  readonly config: string;
  readonly layer: string;
  readonly foreignLayer: string;
}

export const forms: readonly Form[] = [
  {
    name: "oci",
    index: types.OCI_INDEX,
    manifest: types.OCI_MANIFEST,
    config: types.OCI_IMAGE_CONFIG,
    layer: types.OCI_LAYER_GZIP,
    foreignLayer: types.OCI_NONDISTRIBUTABLE_LAYER_GZIP,
  },
  {
    name: "docker",
    index: types.DOCKER_MANIFEST_LIST,
    manifest: types.DOCKER_MANIFEST,
    config: types.DOCKER_IMAGE_CONFIG,
    layer: types.DOCKER_LAYER,
    foreignLayer: types.DOCKER_FOREIGN_LAYER_GZIP,
  },
];

const windows = (build: string): Platform => ({
  architecture: "amd64",
  os: "windows",
  "os.version": build,
  "os.features": ["win32k"],
});

/** Deliberately not sorted by name or version: the registry must keep the publisher's order. */
export const platforms: readonly Platform[] = [
  { architecture: "amd64", os: "linux" },
  windows("10.0.20348.2582"),
  windows("10.0.26100.1742"),
  windows("10.0.17763.5936"),
  { architecture: "arm64", os: "linux", variant: "v8" },
];

export interface PushedIndex {
  readonly bytes: Buffer;
  readonly children: readonly { readonly bytes: Buffer; readonly digest: Digest }[];
  readonly foreign: Digest;
}

/** Pushes an image per platform, an attestation of the first image, and an index of all of them as `latest`. */
export async function pushIndex(
  berth: TestBerth,
  repository: string,
  form: Form,
): Promise<PushedIndex> {
  const foreign = digestOf(Buffer.from("the base layer that Microsoft hands out"));
  const children = [];
  const entries = [];
  for (const platform of platforms) {
    const config = JSON.stringify({ ...platform, rootfs: { type: "layers", diff_ids: [] } });
    const layer = `files for ${JSON.stringify(platform)}`;
    const base = {
      mediaType: form.foreignLayer,
      digest: foreign,
      size: 39,
      urls: ["https://mcr.example/base"],
    };
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: form.manifest,
        config: {
          mediaType: form.config,
          digest: await pushBlob(berth, repository, config),
          size: config.length,
        },
        layers: [
          ...(platform.os === "windows" ? [base] : []),
          {
            mediaType: form.layer,
            digest: await pushBlob(berth, repository, layer),
            size: layer.length,
          },
        ],
      }),
    );
    const digest = digestOf(bytes);
    await putManifest(berth, repository, digest, bytes, form.manifest).expect(201);
    children.push({ bytes, digest });
    entries.push({ mediaType: form.manifest, digest, size: bytes.length, platform });
  }
  const attestation = await pushAttestation(berth, repository);
  children.push(attestation);
  entries.push({
    mediaType: types.OCI_MANIFEST,
    digest: attestation.digest,
    size: attestation.bytes.length,
    annotations: {
      "vnd.docker.reference.digest": String(children[0]?.digest),
      "vnd.docker.reference.type": "attestation-manifest",
    },
    platform: { architecture: "unknown", os: "unknown" },
  });
  const document = { schemaVersion: 2, mediaType: form.index, manifests: entries };
  const bytes = Buffer.from(JSON.stringify(document, undefined, 3));
  await putManifest(berth, repository, "latest", bytes, form.index).expect(201);
  return { bytes, children, foreign };
}

async function pushAttestation(berth: TestBerth, repository: string) {
  const config = '{"architecture":"unknown","os":"unknown","rootfs":{"type":"layers"}}';
  const statement = '{"predicateType":"https://slsa.dev/provenance/v1"}';
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: types.OCI_MANIFEST,
      config: {
        mediaType: types.OCI_IMAGE_CONFIG,
        digest: await pushBlob(berth, repository, config),
        size: config.length,
      },
      layers: [
        {
          mediaType: "application/vnd.in-toto+json",
          digest: await pushBlob(berth, repository, statement),
          size: statement.length,
          annotations: { "in-toto.io/predicate-type": "https://slsa.dev/provenance/v1" },
        },
      ],
    }),
  );
  const digest = digestOf(bytes);
  await putManifest(berth, repository, digest, bytes, types.OCI_MANIFEST).expect(201);
  return { bytes, digest };
}
