import { imageType, pushBlob, pushManifest, type Client } from "./content.ts";

/* What clients attach to images: the media types and documents of cosign, BuildKit and oras. */

/** A layer of a referrer: an object is sent as JSON. */
export interface AttachedLayer {
  readonly type: string;
  readonly content: object | string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Pushes a referrer to the image, and resolves with its digest. */
export async function attach(
  client: Client,
  repository: string,
  subject: { readonly digest: string; readonly size: number },
  artifactType: string,
  layers: readonly AttachedLayer[],
): Promise<string> {
  const descriptors = [];
  for (const { type, content, annotations } of layers) {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    const digest = await pushBlob(client, repository, text);
    descriptors.push({
      ...{ mediaType: type, digest, size: Buffer.byteLength(text) },
      ...(annotations === undefined ? {} : { annotations }),
    });
  }
  const empty = await pushBlob(client, repository, "{}");
  const { digest } = await pushManifest(client, repository, undefined, {
    ...{ schemaVersion: 2, mediaType: imageType, artifactType },
    config: { mediaType: "application/vnd.oci.empty.v1+json", digest: empty, size: 2 },
    layers: descriptors,
    subject: { mediaType: imageType, ...subject },
  });
  return digest;
}

/** A certificate with the extensions of Fulcio, made with openssl. */
const certificate = `-----BEGIN CERTIFICATE-----
MIICiDCCAi6gAwIBAgIUPN3kaY07gbdLI0gTNWuUrvpmqh0wCgYIKoZIzj0EAwIw
NzEVMBMGA1UECgwMc2lnc3RvcmUuZGV2MR4wHAYDVQQDDBVzaWdzdG9yZS1pbnRl
cm1lZGlhdGUwHhcNMjYxMTMwMDYwNjQ2WhcNMzYxMTI3MDYwNjQ2WjA3MRUwEwYD
VQQKDAxzaWdzdG9yZS5kZXYxHjAcBgNVBAMMFXNpZ3N0b3JlLWludGVybWVkaWF0
ZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPHnAOxmwCpD2KmTxyuKi4gBGCFr
K/S3/anIwuEsvTvXKVn//VlNij93HBnE0iJrjovlVRVJB9O3blciz4XRvPqjggEW
MIIBEjAOBgNVHQ8BAf8EBAMCB4AwEwYDVR0lBAwwCgYIKwYBBQUHAwMwVAYDVR0R
AQH/BEowSIZGaHR0cHM6Ly9naXRodWIuY29tL2FjbWUvYXBwLy5naXRodWIvd29y
a2Zsb3dzL3JlbGVhc2UueW1sQHJlZnMvdGFncy92MTA5BgorBgEEAYO/MAEBBCto
dHRwczovL3Rva2VuLmFjdGlvbnMuZ2l0aHVidXNlcmNvbnRlbnQuY29tMDsGCisG
AQQBg78wAQgELQwraHR0cHM6Ly90b2tlbi5hY3Rpb25zLmdpdGh1YnVzZXJjb250
ZW50LmNvbTAdBgNVHQ4EFgQUHF+2idc7wBufAhGoxhN8ieGxtX4wCgYIKoZIzj0E
AwIDSAAwRQIgW06kzrdtsF+3xy3eMlIZ851sfc/bHFCWhP8GGi+O+ewCIQDFyVL0
EP2DEWWoDOoA7AiiFtDuhkSjMle+LSzdogEFkA==
-----END CERTIFICATE-----
`;

export const signature = (digest: string): AttachedLayer => ({
  type: "application/vnd.dev.cosign.simplesigning.v1+json",
  content: {
    critical: {
      identity: { "docker-reference": "" },
      image: { "docker-manifest-digest": digest },
      type: "cosign container image signature",
    },
    optional: null,
  },
  annotations: {
    "dev.cosignproject.cosign/signature": "MEUCIQ==",
    "dev.sigstore.cosign/certificate": certificate,
    "dev.sigstore.cosign/bundle": JSON.stringify({
      SignedEntryTimestamp: "MEUCIQ==",
      Payload: { body: "e30=", integratedTime: 1767323045, logIndex: 123456789, logID: "c0d2" },
    }),
  },
});

export const statement = (
  digest: string,
  predicateType: string,
  predicate: object,
): AttachedLayer => ({
  type: "application/vnd.in-toto+json",
  content: {
    ...{ _type: "https://in-toto.io/Statement/v0.1", predicateType, predicate },
    subject: [{ name: "pkg:docker/app@1.0", digest: { sha256: digest.replace("sha256:", "") } }],
  },
  annotations: { "in-toto.io/predicate-type": predicateType },
});

/** An SPDX document with packages of these names. */
export const spdx = (names: readonly string[]): object => ({
  ...{ spdxVersion: "SPDX-2.3", SPDXID: "SPDXRef-DOCUMENT", name: "app", dataLicense: "CC0-1.0" },
  creationInfo: { created: "2026-11-20T10:00:00Z", creators: ["Tool: syft-1.31.0"] },
  packages: names.map((name, at) => ({
    ...{ SPDXID: `SPDXRef-${at}`, name, versionInfo: `1.${at}.0` },
    licenseDeclared: at % 3 === 0 ? "Apache-2.0" : "MIT",
  })),
});

/** Provenance of BuildKit (SLSA v0.2). */
export const provenance = {
  builder: { id: "https://github.com/acme/app/actions/runs/4711" },
  buildType: "https://mobyproject.org/buildkit@v1",
  materials: [{ uri: "pkg:docker/alpine@3.22?platform=linux%2Famd64", digest: { sha256: "ab" } }],
  invocation: { configSource: { entryPoint: "Dockerfile" } },
  metadata: {
    ...{ buildInvocationID: "xyz", buildStartedOn: "2026-11-20T10:00:00Z" },
    "https://mobyproject.org/buildkit@v1#metadata": {
      vcs: { revision: "c0ffee5", source: "https://github.com/acme/app.git" },
    },
  },
};
