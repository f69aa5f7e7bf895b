import * as z from "zod";
import { pageFields, time } from "./fields.ts";
import { materialsAtMost, referrerLayersAtMost, referrerListAtMost } from "./limits.ts";

/* What is attached to images, in Berth's own API: signatures, SBOMs and provenance. Berth verifies none of it. */

const text = z.string();
const orNull = text.nullable();

const certificateSchema = z
  .object({
    identities: z
      .array(text)
      .max(referrerListAtMost)
      .describe("Mail addresses or URLs of the signer, from the subject alternative name."),
    identity_issuer: orNull.describe(
      "Who vouched for the identity: https://token.actions.githubusercontent.com",
    ),
    issuer: text.describe("The authority that signed the certificate."),
    valid_from: time.nullable(),
    valid_to: time.nullable(),
  })
  .describe("What the certificate says. Anybody can push a certificate that says this.");

const signatureSchema = z
  .object({
    is_verified: z
      .literal(false)
      .describe("Always false: Berth does not verify signatures. Use cosign or another client."),
    signed_digest: orNull.describe("The digest that the signature says it is for."),
    certificate: certificateSchema.nullable(),
    key_hint: orNull.describe("The key that the signature names."),
    log_index: z.int().nullable().describe("The entry of the transparency log Rekor."),
    logged_at: time.nullable(),
  })
  .describe("Of a signature, and of the signed envelope of a statement.");

const sbomSchema = z.object({
  format: z.enum(["SPDX", "CycloneDX"]),
  version: orNull.describe("Of the format."),
  name: orNull,
  created: time.nullable(),
  tools: z.array(text).max(referrerListAtMost),
  package_count: z.int(),
});

const provenanceSchema = z
  .object({
    builder: orNull,
    build_type: orNull,
    source: orNull.describe("The repository or the context of the build."),
    commit: orNull,
    entry_point: orNull.describe("The file or the workflow that the build began with."),
    invocation_id: orNull,
    started: time.nullable(),
    finished: time.nullable(),
    materials: z
      .array(z.object({ uri: text, digest: text }))
      .max(materialsAtMost)
      .describe("What the build used, the first 100."),
    material_count: z.int(),
  })
  .describe("SLSA provenance v0.1, v0.2 or v1.");

const referrerLayerSchema = z.object({
  digest: text,
  media_type: text,
  size: z.int(),
  kind: z
    .enum(["signature", "sbom", "provenance", "attestation", "other"])
    .describe("Attestation: a statement of another type; other: Berth does not know it."),
  problem: z
    .enum(["invalid", "too large", "too complex", "not here"])
    .nullable()
    .describe(
      "Why it was not read: it is broken, has more than 8 MiB (16 MiB for all layers), has too many values or levels, or is not stored here.",
    ),
  predicate_type: orNull.describe("The type of a statement of in-toto."),
  subjects: z
    .array(z.object({ name: text, digest: text }))
    .max(referrerListAtMost)
    .describe("What a statement is about, the first 20."),
  subject_count: z.int(),
  signature: signatureSchema.nullable(),
  sbom: sbomSchema.nullable(),
  provenance: provenanceSchema.nullable(),
});

/** `GET /api/berth/v1/repositories/NAME/-/manifests/DIGEST/contents` */
export const referrerContentsSchema = z.object({
  digest: text,
  artifact_type: orNull,
  subject: orNull,
  layers: z.array(referrerLayerSchema).max(referrerLayersAtMost).describe("The first 20."),
  layer_count: z.int(),
});
export type ReferrerContentsAnswer = z.output<typeof referrerContentsSchema>;

/** `GET /api/berth/v1/repositories/NAME/-/manifests/DIGEST/packages` */
export const packageSchema = z.object({
  name: text,
  version: orNull,
  license: orNull.describe("An SPDX expression, or the names of licenses."),
  url: orNull.describe("The package URL: pkg:npm/koa@3.0.0"),
});
export type PackageItem = z.output<typeof packageSchema>;

export const packageQuery = z.object({
  ...pageFields,
  query: text
    .max(255)
    .default("")
    .describe("Part of a name, a version or a license; case does not matter."),
  layer: text.max(255).optional().describe("The digest of the SBOM, if the manifest has several."),
});
