import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { Reference, Tag } from "../../oci/reference.ts";
import { writeAudit } from "../events/audit.ts";
import { findImmutable, findImmutableOver } from "./immutable-tags.ts";
import type { Change } from "./lease-times.ts";
import { insertReferences, missingReferences } from "./manifest-references.ts";
import { checkMirrorTag } from "../mirror/tags.ts";
import { releaseManifestQuota, type Quota } from "./quotas.ts";
import { oneOf } from "../one-of.ts";
import { isRejection, type ImmutableTag, type Rejection } from "../rejections.ts";
import { findRepository, touchRepository } from "./repositories.ts";
import { getOrCreateRepository, type Push } from "./repository-creation.ts";
import { addManifestCandidate, addCandidatesOf } from "../maintenance/gc-candidates.ts";
import type { Db, NewManifest, NewManifestReference } from "../schema.ts";
import { pointTag, removeTagsOf, type TagChange } from "./tags.ts";

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
    async find(
      repository: RepositoryName,
      reference: Reference,
    ): Promise<StoredManifest | undefined> {
      const manifests = db
        .selectFrom("repositories")
        .innerJoin("manifests", "manifests.repository_id", "repositories.id")
        .select([
          "manifests.digest as digest",
          "manifests.media_type as mediaType",
          "manifests.content as content",
          "manifests.leased_until as leasedUntilMs",
        ])
        .where("repositories.name", "=", repository);
      const found =
        reference.kind === "digest"
          ? manifests.where("manifests.digest", "=", reference.digest)
          : manifests
              .innerJoin("tags", (join) =>
                join
                  .onRef("tags.manifest_id", "=", "manifests.id")
                  .onRef("tags.repository_id", "=", "repositories.id"),
              )
              .where("tags.name", "=", reference.tag);
      return found.executeTakeFirst();
    },

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
          query.where("manifests.artifact_type", "in", oneOf(page.artifactTypes)),
        )
        .orderBy("manifests.digest")
        .limit(page.limit)
        .execute();
    },
  };
}

export interface PutManifest extends Change, Push {
  readonly manifest: NewManifest;
  /** In document order. */
  readonly references: readonly NewManifestReference[];
  readonly tags: readonly Tag[];
  /**
   * In a mirror: when the upstream confirmed the tags. Written in the same transaction, so that another process sees
   * both or neither.
   */
  readonly tagsCheckedAtMs: number | undefined;
  /** References of the manifest may be absent. */
  readonly sparse: boolean;
}

/** Maximum number of missing references in a rejection; a manifest may have 10,000. */
const missingTold = 100;

export type ManifestPut =
  | { readonly outcome: "stored" }
  | {
      readonly outcome: "missing";
      readonly missing: readonly { readonly digest: Digest; readonly kind: string }[];
    };

/**
 * Stores a manifest and its tags in one transaction. Returns the missing references if the repository does not have
 * all.
 */
async function putManifest(tx: Db, put: PutManifest): Promise<ManifestPut | Rejection> {
  const { digest } = put.manifest;
  const known = await findRepository(tx, put.repository);
  const missing = await missingReferences(tx, known?.id, put);
  if (missing.length > 0) return { outcome: "missing", missing: missing.slice(0, missingTold) };
  const immutable = known && (await findImmutable(tx, known, put.tags, digest));
  if (immutable !== undefined) return immutable;

  const existing = known && (await findExisting(tx, known.id, digest));
  const item = { what: "manifest", sizeBytes: put.manifest.size_bytes } as const;
  const opened =
    known !== undefined && (existing !== undefined || !isCounted(known.quota, put))
      ? { repositoryId: known.id }
      : await getOrCreateRepository(tx, put, item);
  if (isRejection(opened)) return opened;
  const { repositoryId } = opened;
  if (
    known !== undefined &&
    existing !== undefined &&
    existing.media_type !== put.manifest.media_type
  ) {
    const over = await findImmutableOver(tx, known, digest);
    if (over !== undefined) return over;
  }

  let manifestId = existing?.id;
  if (manifestId === undefined) {
    const made = await tx
      .insertInto("manifests")
      .values({ ...put.manifest, repository_id: repositoryId })
      .returning("id")
      .executeTakeFirstOrThrow();
    manifestId = made.id;
    await insertReferences(tx, manifestId, put.references);
  } else {
    await tx.updateTable("manifests").set(put.manifest).where("id", "=", manifestId).execute();
    if (existing?.media_type !== put.manifest.media_type) {
      await tx.deleteFrom("manifest_references").where("manifest_id", "=", manifestId).execute();
      await tx.deleteFrom("image_sizes").where("manifest_id", "=", manifestId).execute();
      await insertReferences(tx, manifestId, put.references);
    }
  }
  for (const name of put.tags) await pointTag(tx, { repositoryId, name, manifestId, digest }, put);
  if (put.tagsCheckedAtMs !== undefined)
    for (const tag of put.tags)
      await checkMirrorTag(tx, { repository: put.repository, tag, nowMs: put.tagsCheckedAtMs });
  if (put.tags.length === 0) await addManifestCandidate(tx, manifestId, put.dueAtMs);
  await touchRepository(tx, repositoryId, put.nowMs);
  return { outcome: "stored" };
}

const isCounted = (quota: Quota | undefined, { rules }: Push): boolean =>
  quota !== undefined || rules.defaultQuotaBytes !== null;

const findExisting = (tx: Db, repositoryId: number, digest: Digest) =>
  tx
    .selectFrom("manifests")
    .select(["id", "media_type"])
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", digest)
    .executeTakeFirst();

export interface DeleteManifest extends TagChange {
  readonly digest: Digest;
}

/** Deletes a manifest and every tag that points at it. Returns `undefined` if it did not exist. */
async function deleteManifest(
  tx: Db,
  deletion: DeleteManifest,
): Promise<{ readonly tags: readonly Tag[] } | ImmutableTag | undefined> {
  const { repository, digest, nowMs, actor } = deletion;
  const home = await findRepository(tx, repository);
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
  const tags = await removeTagsOf(tx, home.id, manifest.id, deletion);
  await removeManifest(tx, { id: manifest.id, repositoryId: home.id, digest }, deletion);
  const account = namespaceOf(repository);
  const subject = `${repository}@${digest}`;
  await writeAudit(tx, { nowMs, actor, account, action: "repo.manifest.delete", subject });
  return { tags };
}

/** Deletes a manifest without tags. What it kept becomes a GC candidate. */
export async function removeManifest(
  tx: Db,
  manifest: { readonly id: number; readonly repositoryId: number; readonly digest: Digest },
  { nowMs, dueAtMs }: Change,
): Promise<void> {
  await addCandidatesOf(tx, manifest, dueAtMs);
  await releaseManifestQuota(tx, manifest);
  await tx.deleteFrom("manifests").where("id", "=", manifest.id).execute();
  await touchRepository(tx, manifest.repositoryId, nowMs);
}

export interface LeaseManifest {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly leasedUntilMs: number;
}

/** Extends the lease of a manifest, so that the collector keeps it. False if it does not exist. */
async function leaseManifest(tx: Db, lease: LeaseManifest): Promise<boolean> {
  const changed = await tx
    .updateTable("manifests")
    .set({ leased_until: lease.leasedUntilMs })
    .where("repository_id", "=", (query) =>
      query.selectFrom("repositories").select("id").where("name", "=", lease.repository),
    )
    .where("digest", "=", lease.digest)
    .executeTakeFirst();
  return changed.numUpdatedRows > 0n;
}

export const manifestCommands = { putManifest, deleteManifest, leaseManifest };
