import { setImmediate } from "node:timers/promises";
import type { BlobStore } from "../../storage/blob-store.ts";
import type { Database } from "../database/contract.ts";
import type { Actor } from "../database/permissions/authority.ts";
import type { Lease } from "../database/maintenance/gc-candidates.ts";
import type { PushRules } from "../database/registry/repository-creation.ts";
import { isRejection } from "../database/rejections.ts";
import type { NewManifest, NewManifestReference } from "../database/registry/schema.ts";
import { parseConfigPlatform, type Platform } from "../oci/descriptor.ts";
import { algorithmOf, digestOf, type Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import { parseManifest, type Manifest, type ManifestReference } from "../oci/manifest.ts";
import { isImageConfig, OCI_MANIFEST } from "../oci/media-types.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Reference, Tag } from "../oci/reference.ts";
import { rejectionError, wrongDigest } from "./errors.ts";
import type { LeasePolicy } from "./leases.ts";
import type { RecentBlobs } from "./recent-blobs.ts";

/** The largest image config that the registry parses. Configs are normally a few KiB. */
const largestConfigBytes = 4 * 1024 * 1024;

/** A manifest with more references is parsed in one event-loop iteration and written in the next one. */
const referencesInOneTurn = 1_000;

export interface ManifestPushParts {
  readonly store: BlobStore;
  readonly database: Pick<Database, "blobs" | "commands">;
  readonly leasePolicy: LeasePolicy;
  readonly recentBlobs: RecentBlobs;
  readonly rules: PushRules;
  /** Whether a manifest may name blobs and manifests that the repository does not have. */
  readonly sparse: boolean;
  /** Rejects (ENOSPC) unless the disk of the database has `bytes` free above its reserve. */
  readonly demandSpace?: ((bytes: number) => Promise<void> | undefined) | undefined;
  /**
   * Accepted manifest types besides those of OCI and Docker. `any` in a mirror, which accepts all types of its
   * upstream.
   */
  readonly moreTypes?: readonly string[] | "any";
}

export interface ManifestPush {
  readonly actor: Actor;
  readonly repository: RepositoryName;
  readonly reference: Reference;
  /** Additional tags of a push by digest. */
  readonly tags: readonly Tag[];
  /** In a mirror: the time at which the upstream confirmed that the tags point to this manifest. */
  readonly tagsCheckedAtMs?: number;
  /** In an import: when the manifest and its tags were pushed to the other registry. A time in the future counts as now. */
  readonly pushedAtMs?: number | undefined;
  readonly contentType: string | undefined;
  readonly bytes: Uint8Array;
}

export interface PushedManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly subject: Digest | undefined;
  readonly tags: readonly Tag[];
}

/**
 * Stores a manifest under its digest and its tags in one transaction. Throws MANIFEST_INVALID (also for a type that is
 * not accepted), DIGEST_INVALID if `reference` is the digest of other bytes, MANIFEST_BLOB_UNKNOWN with one entry for
 * each named item that this repository does not have, DENIED if one of the tags is immutable and points elsewhere, the
 * quota is exceeded or the actor may not create the repository, and NAME_UNKNOWN if pushes create no repositories.
 */
export async function pushManifest(
  parts: ManifestPushParts,
  push: ManifestPush,
): Promise<PushedManifest> {
  const { actor, repository, reference, bytes } = push;
  const space = parts.demandSpace?.(bytes.length);
  if (space !== undefined) await space;
  const digest = verifiedDigest(reference, bytes);
  const manifest = parseManifest(bytes, push.contentType);
  if (!isAccepted(manifest, parts.moreTypes)) throw unknownType(manifest.mediaType);
  const tags = reference.kind === "tag" ? [reference.tag] : push.tags;
  const platform = await platformOf(parts, repository, manifest);
  // Building the rows for thousands of layers takes as long as parsing them.
  if (manifest.references.length > referencesInOneTurn) await setImmediate();
  const lease = parts.leasePolicy.newLease();
  const pushedAtMs =
    push.pushedAtMs === undefined ? undefined : Math.min(push.pushedAtMs, lease.nowMs);
  const result = await parts.database.commands.putManifest({
    actor,
    rules: parts.rules,
    repository,
    manifest: manifestRow({ manifest, digest, bytes, platform, pushedAtMs }, lease),
    references: manifest.references.map(referenceRow),
    tags,
    tagsCheckedAtMs: push.tagsCheckedAtMs,
    pushedAtMs,
    sparse: parts.sparse,
    ...lease,
  });
  if (isRejection(result)) throw rejectionError(result, repository);
  if (result.outcome === "missing") throw missingContent(result.missing);
  return { digest, mediaType: manifest.mediaType, subject: manifest.subject?.digest, tags };
}

/** The digest of the bytes, with the algorithm of the reference. Throws DIGEST_INVALID if the reference is another. */
function verifiedDigest(reference: Reference, bytes: Uint8Array): Digest {
  if (reference.kind === "tag") return digestOf(bytes);
  const digest = digestOf(bytes, algorithmOf(reference.digest));
  if (reference.digest === digest) return digest;
  throw wrongDigest("manifest", reference.digest, digest);
}

function isAccepted(
  { kind, mediaType }: Manifest,
  moreTypes: ManifestPushParts["moreTypes"] = [],
): boolean {
  return kind !== "opaque" || moreTypes === "any" || moreTypes.includes(mediaType);
}

/** The platform in the image config. `undefined` if the config is missing or invalid; `pushManifest` then rejects a missing config. */
async function platformOf(
  parts: ManifestPushParts,
  repository: RepositoryName,
  { references }: Manifest,
): Promise<Platform | undefined> {
  const config = references.find((reference) => reference.kind === "config");
  if (
    config === undefined ||
    !isImageConfig(config.mediaType) ||
    config.sizeBytes > largestConfigBytes
  )
    return undefined;
  const bytes =
    // Without `sparse`, a manifest is refused unless the repository has its config.
    (parts.sparse ? undefined : parts.recentBlobs.find(config.digest)) ??
    (await readSmall(parts, repository, config.digest));
  return bytes && parseConfigPlatform(bytes);
}

/** The bytes of a blob of at most 4 MiB; `undefined` if the blob is larger, empty or missing. */
async function readSmall(
  { store, database }: ManifestPushParts,
  repository: RepositoryName,
  digest: Digest,
): Promise<Uint8Array | undefined> {
  const blob = await database.blobs.find(repository, digest);
  if (blob === undefined || blob.sizeBytes === 0 || blob.sizeBytes > largestConfigBytes)
    return undefined;
  const bytes = await store.open(blob.storageKey, { start: 0, end: blob.sizeBytes - 1 });
  if (bytes === undefined) return undefined;
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(Uint8Array.from(piece));
  return Buffer.concat(pieces);
}

/** The row of a pushed manifest. */
function manifestRow(
  pushed: {
    readonly manifest: Manifest;
    readonly digest: Digest;
    readonly bytes: Uint8Array;
    readonly platform: Platform | undefined;
    readonly pushedAtMs: number | undefined;
  },
  lease: Lease,
): NewManifest {
  const { manifest, digest, bytes, platform } = pushed;
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
    pushed_at: pushed.pushedAtMs ?? lease.nowMs,
    leased_until: lease.leasedUntilMs,
    content: bytes,
  };
}

/** The row of one reference of a manifest; `position` is its index in the document. */
function referenceRow(reference: ManifestReference, position: number): NewManifestReference {
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

/** The columns of a platform in a row. */
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

function missingContent(
  items: readonly { readonly digest: Digest; readonly kind: string }[],
): OciError {
  return OciError.many(
    items.map(({ digest, kind }) => ({
      code: "MANIFEST_BLOB_UNKNOWN" as const,
      message:
        kind === "child"
          ? "the index names a manifest that is not in this repository"
          : "the manifest names a blob that is not in this repository",
      detail: { digest },
    })),
  );
}

/**
 * Rejects unknown types, as distribution does. If an image were stored as an unknown type, the collector would delete
 * its layers.
 */
function unknownType(mediaType: string): OciError {
  return new OciError(
    "MANIFEST_INVALID",
    `manifest invalid: ${mediaType} is not a manifest type that this registry accepts; ` +
      `send the Content-Type of the manifest, such as ${OCI_MANIFEST}`,
    { detail: { mediaType } },
  );
}
