import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import { writeAudit, type AuditContext } from "../events/audit.ts";
import {
  addBlobCandidate,
  markUnlinkedDeleting,
  type Lease,
  type LeaseExtension,
} from "../maintenance/gc-candidates.ts";
import { locked } from "../locks.ts";
import { mayPullFrom } from "../permissions/check.ts";
import { prepared, type Placeholders } from "../prepared.ts";
import { isLive, notDeleting } from "../query-parts.ts";
import { isRejection, type Rejection } from "../rejections.ts";
import type { Db } from "../schema.ts";
import { releaseQuota } from "./quota-changes.ts";
import { lockRepository, repositoryIdOf } from "./repositories.ts";
import { lockForPush, openForPush, type Push } from "./repository-creation.ts";

/** A blob that is linked in one repository. */
export interface LinkedBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly storageKey: string;
  readonly leasedUntilMs: number;
}

export function createBlobReads(db: Db) {
  return {
    /**
     * Repositories that link the blob: candidates for a mount without a source. With `namespace`, only those in this
     * namespace.
     */
    async repositoriesLinking(
      digest: Digest,
      limit: number,
      namespace?: string,
    ): Promise<readonly RepositoryName[]> {
      const rows = await db
        .selectFrom("blobs")
        .innerJoin("blob_links", "blob_links.blob_id", "blobs.id")
        .innerJoin("repositories", "repositories.id", "blob_links.repository_id")
        .select("repositories.name as name")
        .where("blobs.digest", "=", digest)
        .where(notDeleting)
        .where(isLive)
        .$if(namespace !== undefined, (query) =>
          query.where("repositories.namespace", "=", namespace ?? ""),
        )
        .limit(limit)
        .execute();
      return rows.map((row) => row.name);
    },
  };
}

/** The links of a live blob in a repository: at most one. */
const liveLink = (db: Db, repository: RepositoryName, digest: Digest) =>
  db
    .selectFrom("repositories")
    .innerJoin("blob_links", "blob_links.repository_id", "repositories.id")
    .innerJoin("blobs", "blobs.id", "blob_links.blob_id")
    .where("repositories.name", "=", repository)
    .where("blobs.digest", "=", digest)
    .where(notDeleting)
    .where(isLive);

/** The blob, if the repository links it and it is live. For use inside a transaction. */
export function linkedBlob(
  db: Db,
  repository: RepositoryName,
  digest: Digest,
): Promise<LinkedBlob | undefined> {
  return liveLink(db, repository, digest)
    .select([
      "blobs.digest as digest",
      "blobs.size_bytes as sizeBytes",
      "blobs.storage_key as storageKey",
      "blob_links.leased_until as leasedUntilMs",
    ])
    .executeTakeFirst();
}

interface MountBlob extends Lease, Push {
  readonly from: RepositoryName;
  readonly digest: Digest;
}

/**
 * Mounts a blob: links a blob of the source repository in another one. False if the source does not link it, or if the
 * actor may no longer pull from the source.
 */
export async function mountBlob(tx: Db, mount: MountBlob): Promise<boolean | Rejection> {
  const home = await lockForPush(tx, mount);
  const link = liveLink(tx, mount.from, mount.digest)
    .leftJoin("quotas", (join) => join.on("quotas.namespace", "=", namespaceOf(mount.repository)))
    .select(["blobs.id as blobId", "blobs.size_bytes as sizeBytes", "quotas.namespace as quota"]);
  const source = await locked(tx, link, { mode: "share", table: "blobs" }).executeTakeFirst();
  if (source === undefined) return false;
  if (!(await mayPullFrom(tx, mount.actor, mount.from, mount.nowMs))) return false;
  const { blobId, sizeBytes, quota } = source;
  const item = { what: "blob", blobId, sizeBytes } as const;
  const opened = await openForPush(tx, mount, home, { hasQuota: quota !== null, item });
  if (isRejection(opened)) return opened;
  await linkBlob(tx, opened.repositoryId, blobId, mount);
  return true;
}

interface NewLink {
  readonly repositoryId: number;
  readonly blobId: number;
  readonly nowMs: number;
  readonly leasedUntilMs: number;
}

const insertLink = prepared((db, link: Placeholders<NewLink>) =>
  db
    .insertInto("blob_links")
    .values({
      repository_id: link.repositoryId,
      blob_id: link.blobId,
      created_at: link.nowMs,
      leased_until: link.leasedUntilMs,
    })
    .onConflict((conflict) =>
      conflict
        .columns(["repository_id", "blob_id"])
        .doUpdateSet({ leased_until: link.leasedUntilMs }),
    ),
);

/** Links a blob, which the caller has locked, in a repository, or extends the lease of its link. */
export async function linkBlob(
  tx: Db,
  repositoryId: number,
  blobId: number,
  lease: Lease,
): Promise<void> {
  const { nowMs, leasedUntilMs } = lease;
  await insertLink.execute(tx, { repositoryId, blobId, nowMs, leasedUntilMs });
  await addBlobCandidate(tx, { repositoryId, blobId, dueAtMs: lease.dueAtMs });
}

/** Extends the lease of a linked blob, so that the collector keeps it. False if the repository does not link it. */
export async function leaseBlob(tx: Db, lease: LeaseExtension): Promise<boolean> {
  const changed = await tx
    .updateTable("blob_links")
    .set({ leased_until: lease.leasedUntilMs })
    .where("repository_id", "=", repositoryIdOf(tx, lease.repository))
    .where("blob_id", "=", (query) =>
      query
        .selectFrom("blobs")
        .select("id")
        .where("digest", "=", lease.digest)
        .where(notDeleting)
        .where(isLive),
    )
    .executeTakeFirst();
  return changed.numUpdatedRows > 0n;
}

type Unlinked =
  | { readonly outcome: "unlinked" | "unknown" }
  | { readonly outcome: "referenced"; readonly by: Digest };

interface UnlinkBlob extends AuditContext {
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

/** Unlinks a blob from a repository, unless a manifest there references it. The collector deletes its bytes. */
export async function unlinkBlob(
  tx: Db,
  { repository, digest, nowMs, actor }: UnlinkBlob,
): Promise<Unlinked> {
  if ((await lockRepository(tx, repository, "change")) === undefined) return { outcome: "unknown" };
  const link = liveLink(tx, repository, digest).select([
    "blobs.id as blobId",
    "repositories.id as repositoryId",
  ]);
  const linked = await locked(tx, link, { mode: "remove", table: "blobs" }).executeTakeFirst();
  if (linked === undefined) return { outcome: "unknown" };
  const user = await tx
    .selectFrom("manifest_references")
    .innerJoin("manifests", "manifests.id", "manifest_references.manifest_id")
    .select("manifests.digest as digest")
    .where("manifest_references.digest", "=", digest)
    .where("manifests.repository_id", "=", linked.repositoryId)
    .executeTakeFirst();
  if (user !== undefined) return { outcome: "referenced", by: user.digest };
  await tx
    .deleteFrom("blob_links")
    .where("repository_id", "=", linked.repositoryId)
    .where("blob_id", "=", linked.blobId)
    .execute();
  await releaseQuota(tx, linked);
  await markUnlinkedDeleting(tx, { blobId: linked.blobId, nowMs });
  const account = namespaceOf(repository);
  const subject = `${repository}@${digest}`;
  await writeAudit(tx, { nowMs, actor, account, action: "repo.blob.delete", subject });
  return { outcome: "unlinked" };
}
