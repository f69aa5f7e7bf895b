import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import { writeAudit } from "../events/audit.ts";
import {
  addCandidatesOf,
  type EventTimes,
  type LeaseExtension,
} from "../maintenance/gc-candidates.ts";
import { dialectOf } from "../dialect.ts";
import type { ImmutableTag } from "../rejections.ts";
import type { Db } from "../schema.ts";
import { releaseManifestQuota } from "./quota-changes.ts";
import { lockRepository, repositoryIdOf, touchRepository } from "./repositories.ts";
import { findImmutableOver } from "./immutable-tags.ts";
import type { TagChange } from "./point-tag.ts";
import { removeTagsOf } from "./tags.ts";

export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly content: Uint8Array;
  readonly leasedUntilMs: number;
}

export interface Referrer {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly artifactType: string | null;
  /** JSON object, as it was pushed. */
  readonly annotations: string | null;
}

export function createManifestReads(db: Db) {
  return {
    /** Manifests of this repository whose subject is `subject`, in the order of their digests, after `last`. */
    referrers(
      repository: RepositoryName,
      subject: Digest,
      page: {
        readonly last?: string | undefined;
        readonly limit: number;
        readonly artifactTypes: readonly string[];
      },
    ): Promise<readonly Referrer[]> {
      return db
        .selectFrom("repositories")
        .innerJoin("manifests", "manifests.repository_id", "repositories.id")
        .select([
          "manifests.digest as digest",
          "manifests.media_type as mediaType",
          "manifests.size_bytes as sizeBytes",
          "manifests.artifact_type as artifactType",
          "manifests.annotations as annotations",
        ])
        .where("repositories.name", "=", repository)
        .where("manifests.subject_digest", "=", subject)
        .where("manifests.digest", ">", (page.last ?? "") as Digest)
        .$if(page.artifactTypes.length > 0, (query) =>
          query.where(dialectOf(db).isOneOf("manifests.artifact_type", page.artifactTypes)),
        )
        .orderBy("manifests.digest")
        .limit(page.limit)
        .execute();
    },
  };
}

interface DeleteManifest extends TagChange {
  readonly digest: Digest;
}

/** Deletes a manifest and every tag that points at it. Returns `undefined` if it did not exist. */
export async function deleteManifest(
  tx: Db,
  deletion: DeleteManifest,
): Promise<{ readonly tags: readonly Tag[] } | ImmutableTag | undefined> {
  const { repository, digest, nowMs, actor } = deletion;
  const home = await lockRepository(tx, repository, "change");
  if (home === undefined) return undefined;
  const manifest = await tx
    .selectFrom("manifests")
    .select("id")
    .where("repository_id", "=", home.id)
    .where("digest", "=", digest)
    .executeTakeFirst();
  if (manifest === undefined) return undefined;
  const immutable = await findImmutableOver(tx, home, digest);
  if (immutable !== undefined) return immutable;
  const found = { id: manifest.id, repositoryId: home.id, digest };
  await releaseManifestQuota(tx, found);
  const tags = await removeTagsOf(tx, home.id, manifest.id, deletion);
  await removeManifest(tx, found, deletion);
  const account = namespaceOf(repository);
  const subject = `${repository}@${digest}`;
  await writeAudit(tx, { nowMs, actor, account, action: "repo.manifest.delete", subject });
  return { tags };
}

/** Deletes a manifest without tags, after its quota was released. What it kept becomes a GC candidate. */
export async function removeManifest(
  tx: Db,
  manifest: { readonly id: number; readonly repositoryId: number; readonly digest: Digest },
  { nowMs, dueAtMs }: EventTimes,
): Promise<void> {
  await addCandidatesOf(tx, manifest, dueAtMs);
  await tx.deleteFrom("manifests").where("id", "=", manifest.id).execute();
  await touchRepository(tx, manifest.repositoryId, nowMs);
}

/** Extends the lease of a manifest, so that the collector keeps it. False if it does not exist. */
export async function leaseManifest(tx: Db, lease: LeaseExtension): Promise<boolean> {
  const changed = await tx
    .updateTable("manifests")
    .set({ leased_until: lease.leasedUntilMs })
    .where("repository_id", "=", repositoryIdOf(tx, lease.repository))
    .where("digest", "=", lease.digest)
    .executeTakeFirst();
  return changed.numUpdatedRows > 0n;
}
