import type { Lease } from "../database/registry/lease-times.ts";
import type { NewManifest, NewManifestReference } from "../database/schema.ts";
import type { Platform } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { Manifest, ManifestReference } from "../oci/manifest.ts";

/** The row of a pushed manifest. */
export function manifestRow(
  manifest: Manifest,
  digest: Digest,
  bytes: Uint8Array,
  platform: Platform | undefined,
  lease: Lease,
): NewManifest {
  return {
    digest,
    media_type: manifest.mediaType,
    kind: manifest.kind,
    size_bytes: bytes.length,
    artifact_type: manifest.artifactType ?? null,
    config_media_type:
      manifest.references.find((reference) => reference.kind === "config")?.mediaType ?? null,
    subject_digest: manifest.subject?.digest ?? null,
    annotations: json(manifest.annotations),
    ...platformColumns(platform),
    pushed_at: lease.nowMs,
    leased_until: lease.leasedUntilMs,
    content: bytes,
  };
}

/** The row of one reference of a manifest; `position` is its index in the document. */
export function referenceRow(reference: ManifestReference, position: number): NewManifestReference {
  return {
    position,
    kind: reference.kind,
    digest: reference.digest,
    media_type: reference.mediaType,
    size_bytes: reference.sizeBytes,
    required: reference.required ? 1 : 0,
    artifact_type: reference.artifactType ?? null,
    urls: json(reference.urls),
    annotations: json(reference.annotations),
    ...platformColumns(reference.platform),
  };
}

export function platformColumns(platform: Platform | undefined) {
  return {
    os: platform?.os ?? null,
    architecture: platform?.architecture ?? null,
    variant: platform?.variant ?? null,
    os_version: platform?.osVersion ?? null,
    os_features: json(platform?.osFeatures),
  };
}

const json = (value: unknown): string | null =>
  value === undefined ? null : JSON.stringify(value);
