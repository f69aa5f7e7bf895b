import { referrerContentsSchema, type ReferrerContentsAnswer } from "../../../src/api/referrers.ts";
import { digestOf, type Digest } from "../../../src/oci/digest.ts";
import { ociManifest, pushBlob, pushImageParts, putManifest } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";

/* A repository with referrers. Files of real clients are read in test/clients/attached.test.ts. */

export const root = "/api/berth/v1/repositories";
export const inToto = "application/vnd.in-toto+json";
const imageConfig = "application/vnd.oci.image.config.v1+json";

export const berth = await startClosedBerth();
await berth.addUser("ann");
await berth.addUser("mia");
export const ann = berth.as("ann");
export const subject = await pushImageParts(ann, "ann/app");
await putManifest(ann, "ann/app", "1", subject.manifest).expect(201);

export interface GivenLayer {
  readonly content: object | string | Buffer;
  readonly type?: string;
  readonly annotations?: Record<string, string>;
  /** Whether the layer is named without being pushed; then it has `urls`. */
  readonly isAbsent?: boolean;
}

/** Pushes a referrer with these layers. */
export async function attach(...given: readonly GivenLayer[]): Promise<Digest> {
  const layers = [];
  for (const { content, type = inToto, annotations, isAbsent } of given) {
    const bytes =
      typeof content === "string" || Buffer.isBuffer(content)
        ? Buffer.from(content)
        : Buffer.from(JSON.stringify(content));
    const digest = isAbsent ? digestOf(bytes) : await pushBlob(ann, "ann/app", bytes);
    const urls = isAbsent ? { urls: ["https://example.com/"] } : {};
    layers.push({ mediaType: type, digest, size: bytes.length, annotations, ...urls });
  }
  const config = "{}";
  const manifest = Buffer.from(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: ociManifest },
      config: {
        ...{ mediaType: imageConfig, size: config.length },
        digest: await pushBlob(ann, "ann/app", config),
      },
      layers,
      subject: { mediaType: ociManifest, digest: subject.digest, size: subject.manifest.length },
    }),
  );
  await putManifest(ann, "ann/app", digestOf(manifest), manifest).expect(201);
  return digestOf(manifest);
}

export async function contentsOf(digest: string): Promise<ReferrerContentsAnswer> {
  const { body } = await ann.api.get(`${root}/ann/app/-/manifests/${digest}/contents`).expect(200);
  return referrerContentsSchema.strict().parse(body);
}

export const statement = (predicateType: string, predicate: unknown) => ({
  ...{ _type: "https://in-toto.io/Statement/v0.1", predicateType },
  subject: [{ name: "pkg:docker/app@1", digest: { sha256: "ab".repeat(32) } }],
  predicate,
});
export const slsa02 = "https://slsa.dev/provenance/v0.2";
export const package_ = (name: string, rest: object = {}) => ({
  ...{ SPDXID: `SPDXRef-${name}`, name, versionInfo: "1.0", ...rest },
});
export const spdx = {
  ...{ spdxVersion: "SPDX-2.3", name: "app", "unknown key": { deep: [[[{}]]] } },
  creationInfo: { created: "2026-01-02T03:04:05Z", creators: ["Organization: A", "Tool: syft"] },
  packages: [
    package_("musl", { licenseConcluded: "NOASSERTION", licenseDeclared: "MIT" }),
    package_("busybox", {
      licenseConcluded: "GPL-2.0-only",
      externalRefs: [
        { referenceType: "cpe23Type", referenceLocator: "cpe:2.3:a:busybox" },
        { referenceType: "purl", referenceLocator: "pkg:apk/alpine/busybox@1.0" },
      ],
    }),
    { versionInfo: "without a name" },
    "no object",
  ],
};
