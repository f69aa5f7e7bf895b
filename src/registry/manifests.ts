import type { Database } from "../database/contract.ts";
import type { Actor } from "../database/permissions/authority.ts";
import type { StoredManifest } from "../database/registry/manifests.ts";
import { isRejection } from "../database/rejections.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Reference } from "../oci/reference.ts";
import { rejectionError } from "./errors.ts";
import {
  pushManifest,
  type ManifestPush,
  type ManifestPushParts,
  type PushedManifest,
} from "./push-manifest.ts";

export type { StoredManifest };

export type Manifests = ReturnType<typeof createManifests>;

export function createManifests(
  parts: ManifestPushParts & {
    readonly database: Pick<Database, "facts" | "manifests" | "blobs" | "commands">;
  },
) {
  const { database, leasePolicy } = parts;

  return {
    /** Stores a manifest under its digest and its tags in one transaction, see {@link pushManifest}. */
    put: (push: ManifestPush): Promise<PushedManifest> => pushManifest(parts, push),

    /**
     * Throws MANIFEST_UNKNOWN, also if there is no such repository: distribution does the same, and skopeo relies on
     * it.
     */
    async get(repository: RepositoryName, reference: Reference): Promise<StoredManifest> {
      const found = await database.facts.manifests.get(repository, reference);
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
      const kept = await database.commands.leaseManifest(lease);
      if (!kept) throw unknownManifest({ kind: "digest", digest: manifest.digest });
    },

    /**
     * Deletes a tag (the manifest stays), or a manifest and all its tags. Throws MANIFEST_UNKNOWN, or DENIED if an
     * immutable tag would change.
     */
    async delete(actor: Actor, repository: RepositoryName, reference: Reference): Promise<void> {
      const change = { actor, repository, ...leasePolicy.eventTimes() };
      const removed =
        reference.kind === "tag"
          ? await database.commands.deleteTag({ tag: reference.tag, ...change })
          : await database.commands.deleteManifest({ digest: reference.digest, ...change });
      if (removed === undefined || removed === false) throw unknownManifest(reference);
      if (isRejection(removed)) throw rejectionError(removed, repository);
    },
  };
}

export function unknownManifest(reference: Reference): OciError {
  const detail = reference.kind === "tag" ? { tag: reference.tag } : { digest: reference.digest };
  return new OciError("MANIFEST_UNKNOWN", undefined, { detail });
}
