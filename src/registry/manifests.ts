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

/** Configs of images are a few KiB; one larger than this is not looked into. */
const largestConfigBytes = 4 * 1024 * 1024;

/** A manifest that names more is read in one turn of the event loop and written in another. */
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
  /** Whether a manifest may name things that are not here. */
  readonly sparse: boolean;
  /** Rejects (ENOSPC) unless the disk of the database has room for so many bytes above its reserve. */
  readonly demandSpace?: ((bytes: number) => Promise<void> | undefined) | undefined;
  /** Manifest types that are taken besides those of OCI and Docker; `any` in a mirror, which takes what its upstream has. */
  readonly moreTypes?: readonly string[] | "any";
}) {
  const { store, database, leasePolicy, recentBlobs, rules, sparse, moreTypes = [] } = parts;

  /** The bytes of a blob, if they are few and here. */
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

  /** The platform an image says it is for. A config that is missing or odd says nothing, and the push decides the rest. */
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
     * Stores a manifest under its digest and its tags, all at once. Throws MANIFEST_INVALID (also for a type that is not
     * taken), DIGEST_INVALID if
     * `reference` is the digest of other bytes, MANIFEST_BLOB_UNKNOWN with one entry for each thing it names that
     * this repository does not show, DENIED if one of the tags is immutable and points elsewhere.
     */
    async put(push: {
      readonly actor: Actor;
      readonly repository: RepositoryName;
      readonly reference: Reference;
      /** Further tags, of a push by digest. */
      readonly tags: readonly Tag[];
      /** In a mirror: when the upstream has said that they point here. */
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
      // The rows of thousands of layers cost as much again as to read them.
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

    /** What {@link get} resolves with, if it can be said at once. */
    getCached: (repository: RepositoryName, reference: Reference): StoredManifest | undefined =>
      database.manifestCache.find(repository, reference),

    /** Throws MANIFEST_UNKNOWN, also if there is no such repository: distribution does so, and skopeo relies on it. */
    async get(repository: RepositoryName, reference: Reference): Promise<StoredManifest> {
      const found = await database.manifests.find(repository, reference);
      if (found === undefined) throw unknownManifest(reference);
      return found;
    },

    /** Whether {@link extendLease} has nothing to do. */
    hasFreshLease: (manifest: StoredManifest): boolean =>
      leasePolicy.renewal(manifest.leasedUntilMs) === undefined,

    /** Somebody who may push has asked whether the manifest is here: it is kept until what names it has had time to follow. */
    async extendLease(repository: RepositoryName, manifest: StoredManifest): Promise<void> {
      const leasedUntilMs = leasePolicy.renewal(manifest.leasedUntilMs);
      if (leasedUntilMs === undefined) return;
      const lease = { repository, digest: manifest.digest, leasedUntilMs };
      const kept = await database.run("leaseManifest", lease);
      if (!kept) throw unknownManifest({ kind: "digest", digest: manifest.digest });
    },

    /**
     * Removes a tag (the manifest stays), or a manifest with every tag that points at it. Throws MANIFEST_UNKNOWN, or
     * DENIED if that would change what an immutable tag says.
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

/** As in distribution. Stored as something we do not know, an image would lose its layers to the collector. */
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
