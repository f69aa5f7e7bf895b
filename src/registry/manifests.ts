import { setImmediate } from "node:timers/promises";
import { algorithmOf, digestOf, type Digest } from "../oci/digest.ts";
import { parseConfigPlatform, type Platform } from "../oci/descriptor.ts";
import { OciError } from "../oci/errors.ts";
import { parseManifest, type Manifest } from "../oci/manifest.ts";
import { isImageConfig, OCI_MANIFEST } from "../oci/media-types.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Reference, Tag } from "../oci/reference.ts";
import type { Actor } from "../database/events/audit.ts";
import type { StoredManifest } from "../database/registry/manifests.ts";
import type { Database } from "../database/database.ts";
import { isRejection } from "../database/rejections.ts";
import type { PushRules } from "../database/registry/repository-creation.ts";
import type { BlobStore } from "../../storage/blob-store.ts";
import type { LeasePolicy } from "./leases.ts";
import { manifestRow, referenceRow } from "./manifest-rows.ts";
import type { RecentBlobs } from "./recent-blobs.ts";
import { rejectionError } from "./rejections.ts";

/** The largest image config that the registry parses. Configs are normally a few KiB. */
const largestConfigBytes = 4 * 1024 * 1024;

/** A manifest with more references is parsed in one event-loop iteration and written in the next one. */
const referencesInOneTurn = 1_000;

export type { StoredManifest };

export interface PushedManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly subject: Digest | undefined;
  readonly tags: readonly Tag[];
}

export type Manifests = ReturnType<typeof createManifests>;

export function createManifests(parts: {
  readonly store: BlobStore;
  readonly database: Pick<
    Database,
    "manifests" | "manifestCache" | "blobs" | "repositories" | "run"
  >;
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
}) {
  const { store, database, leasePolicy, recentBlobs, rules, sparse, moreTypes = [] } = parts;

  /** The bytes of a blob of at most 4 MiB; `undefined` if the blob is larger, empty or missing. */
  const readSmall = async (
    repository: RepositoryName,
    digest: Digest,
  ): Promise<Uint8Array | undefined> => {
    const blob = await database.blobs.find(repository, digest);
    if (blob === undefined || blob.sizeBytes === 0 || blob.sizeBytes > largestConfigBytes)
      return undefined;
    const bytes = await store.open(blob.storageKey, { start: 0, end: blob.sizeBytes - 1 });
    if (bytes === undefined) return undefined;
    const pieces: Uint8Array[] = [];
    for await (const piece of bytes) pieces.push(Uint8Array.from(piece));
    return Buffer.concat(pieces);
  };

  /**
   * The platform in the image config. `undefined` if the config is missing or invalid; the push itself then decides.
   */
  const platformOf = async (
    repository: RepositoryName,
    manifest: Manifest,
  ): Promise<Platform | undefined> => {
    const config = manifest.references.find((reference) => reference.kind === "config");
    if (
      config === undefined ||
      !isImageConfig(config.mediaType) ||
      config.sizeBytes > largestConfigBytes
    )
      return undefined;
    const bytes =
      recentBlobs.find(repository, config.digest) ?? (await readSmall(repository, config.digest));
    return bytes && parseConfigPlatform(bytes);
  };

  return {
    /**
     * Stores a manifest under its digest and its tags in one transaction. Throws MANIFEST_INVALID (also for a type that
     * is not accepted), DIGEST_INVALID if `reference` is the digest of other bytes, MANIFEST_BLOB_UNKNOWN with one
     * entry for each named item that this repository does not have, DENIED if one of the tags is immutable and points
     * elsewhere, the quota is exceeded or the actor may not create the repository, and NAME_UNKNOWN if pushes create no
     * repositories.
     */
    async put(push: {
      readonly actor: Actor;
      readonly repository: RepositoryName;
      readonly reference: Reference;
      /** Additional tags of a push by digest. */
      readonly tags: readonly Tag[];
      /** In a mirror: the time at which the upstream confirmed that the tags point to this manifest. */
      readonly tagsCheckedAtMs?: number;
      readonly contentType: string | undefined;
      readonly bytes: Uint8Array;
    }): Promise<PushedManifest> {
      const { actor, repository, reference, bytes } = push;
      const space = parts.demandSpace?.(bytes.length);
      if (space !== undefined) await space;
      const digest = digestOf(
        bytes,
        reference.kind === "digest" ? algorithmOf(reference.digest) : "sha256",
      );
      if (reference.kind === "digest" && reference.digest !== digest) {
        throw new OciError("DIGEST_INVALID", "the manifest has another digest", {
          detail: { expected: reference.digest, found: digest },
        });
      }
      const manifest = parseManifest(bytes, push.contentType);
      if (
        manifest.kind === "opaque" &&
        moreTypes !== "any" &&
        !moreTypes.includes(manifest.mediaType)
      )
        throw unknownType(manifest.mediaType);
      const tags = reference.kind === "tag" ? [reference.tag] : push.tags;
      const platform = await platformOf(repository, manifest);
      // Building the rows for thousands of layers takes as long as parsing them.
      if (manifest.references.length > referencesInOneTurn) await setImmediate();
      const lease = leasePolicy.newLease();
      const result = await database.run("putManifest", {
        ...{ actor, rules, repository },
        manifest: manifestRow(manifest, digest, bytes, platform, lease),
        references: manifest.references.map(referenceRow),
        tags,
        tagsCheckedAtMs: push.tagsCheckedAtMs,
        sparse,
        ...lease,
      });
      if (isRejection(result)) throw rejectionError(result, repository);
      if (result.outcome === "missing") throw missing(result.missing);
      return { digest, mediaType: manifest.mediaType, subject: manifest.subject?.digest, tags };
    },

    /** The cached result of {@link get}; `undefined` on a cache miss. */
    getCached: (repository: RepositoryName, reference: Reference): StoredManifest | undefined =>
      database.manifestCache.find(repository, reference),

    /**
     * Throws MANIFEST_UNKNOWN, also if there is no such repository: distribution does the same, and skopeo relies on
     * it.
     */
    async get(repository: RepositoryName, reference: Reference): Promise<StoredManifest> {
      const found = await database.manifests.find(repository, reference);
      if (found === undefined) throw unknownManifest(reference);
      return found;
    },

    /** Whether {@link extendLease} has nothing to write. */
    hasFreshLease: (manifest: StoredManifest): boolean =>
      leasePolicy.renewal(manifest.leasedUntilMs) === undefined,

    /**
     * A HEAD by a pusher extends the manifest's lease, so that the collector keeps it until the client has pushed the
     * rest. Throws MANIFEST_UNKNOWN if the manifest is gone.
     */
    async extendLease(repository: RepositoryName, manifest: StoredManifest): Promise<void> {
      const leasedUntilMs = leasePolicy.renewal(manifest.leasedUntilMs);
      if (leasedUntilMs === undefined) return;
      const lease = { repository, digest: manifest.digest, leasedUntilMs };
      const kept = await database.run("leaseManifest", lease);
      if (!kept) throw unknownManifest({ kind: "digest", digest: manifest.digest });
    },

    /**
     * Deletes a tag (the manifest stays), or a manifest and all its tags. Throws MANIFEST_UNKNOWN, or DENIED if an
     * immutable tag would change.
     */
    async delete(actor: Actor, repository: RepositoryName, reference: Reference): Promise<void> {
      const change = { actor, repository, ...leasePolicy.change() };
      const removed =
        reference.kind === "tag"
          ? await database.run("deleteTag", { tag: reference.tag, ...change })
          : await database.run("deleteManifest", { digest: reference.digest, ...change });
      if (removed === undefined || removed === false) throw unknownManifest(reference);
      if (isRejection(removed)) throw rejectionError(removed, repository);
    },
  };
}

function missing(items: readonly { readonly digest: Digest; readonly kind: string }[]): OciError {
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
    `manifest invalid: ${mediaType} is not a manifest type that this registry takes; ` +
      `send the Content-Type of the manifest, such as ${OCI_MANIFEST}`,
    { detail: { mediaType } },
  );
}

function unknownManifest(reference: Reference): OciError {
  const detail = reference.kind === "tag" ? { tag: reference.tag } : { digest: reference.digest };
  return new OciError("MANIFEST_UNKNOWN", undefined, { detail });
}
