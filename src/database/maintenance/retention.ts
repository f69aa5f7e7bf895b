import type { Digest } from "../../oci/digest.ts";
import { namespaceOf } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import { matcherOf } from "../../oci/tag-patterns.ts";
import { dialectOf } from "../dialect.ts";
import { writeAudit } from "../events/audit.ts";
import { locked } from "../locks.ts";
import { releaseManifestQuota } from "../registry/quota-changes.ts";
import { lockQuotas } from "../registry/quotas.ts";
import { lockRepository, touchRepository } from "../registry/repositories.ts";
import type { TagChange } from "../registry/point-tag.ts";
import { removeTags } from "../registry/tags.ts";
import type { Db } from "../schema.ts";
import { isKept } from "./collection.ts";
import { addCandidatesOf } from "./gc-candidates.ts";
import { isStillPolicy, type StoredRetentionPolicy } from "./retention-policies.ts";
import type { SeenRepository, UntaggedQuery } from "./retention-reads.ts";

/*
 * The deletions of retention. A plan is made of several reads, so a command deletes only if the repository is still as the
 * plan has seen it.
 */

interface Expiry extends TagChange {
  readonly seen: SeenRepository;
  readonly policy: StoredRetentionPolicy;
}

/** `changed`: the repository, or its policy, is not as the plan has seen it; nothing was deleted. */
type Expired<T> = "changed" | ({ readonly seen: SeenRepository } & T);

/**
 * Deletes tags that a plan has chosen, at most 100. Immutable tags were no part of the plan, so one among them is a
 * change.
 */
export async function expireTags(
  tx: Db,
  expiry: Expiry & {
    readonly tags: readonly { readonly name: Tag; readonly updatedAtMs: number }[];
  },
): Promise<Expired<{ readonly deleted: number }>> {
  const { repository, policy, seen, tags, nowMs } = expiry;
  const home = await lockSeen(tx, expiry);
  if (home === undefined || !(await isStillPolicy(tx, repository, policy))) return "changed";
  const isImmutable =
    home.immutableTags === null ? () => false : await matcherOf(home.immutableTags);
  const names = tags.map(({ name }) => name);
  const found = await tx
    .selectFrom("tags")
    .select(["name", "manifest_id as manifestId", "updated_at as updatedAtMs"])
    .where("repository_id", "=", seen.id)
    .where("name", "in", names)
    .orderBy("name")
    .execute();
  const pushedAtMs = new Map(found.map(({ name, updatedAtMs }) => [name, updatedAtMs]));
  const isSame = tags.every(
    ({ name, updatedAtMs }) => pushedAtMs.get(name) === updatedAtMs && !isImmutable(name),
  );
  if (!isSame) return "changed";
  await removeTags(tx, seen.id, found, { ...expiry, data: { reason: "retention" } });
  const now = { id: seen.id, updatedAtMs: nowMs, tagCount: seen.tagCount - found.length };
  return { seen: now, deleted: found.length };
}

/** Locks the repository; `undefined`: it is not as the plan has seen it. */
async function lockSeen(tx: Db, { repository, seen }: Pick<Expiry, "repository" | "seen">) {
  const home = await lockRepository(tx, repository, "change");
  if (home?.id !== seen.id) return undefined;
  const now = await tx
    .selectFrom("repositories")
    .select(["updated_at", "tag_count"])
    .where("id", "=", seen.id)
    .executeTakeFirst();
  const isSame = now?.updated_at === seen.updatedAtMs && now.tag_count === seen.tagCount;
  return isSame ? home : undefined;
}

/**
 * Deletes those of the manifests that nothing keeps now, and whose lease and time without a tag are over. What a deleted
 * manifest kept has been without a tag for as long as that manifest.
 */
export async function expireManifests(
  tx: Db,
  expiry: Omit<Expiry, "seen"> &
    UntaggedQuery & { readonly repositoryId: number; readonly manifestIds: readonly number[] },
): Promise<"changed" | { readonly deleted: readonly Digest[] }> {
  const { repository, repositoryId, policy, nowMs, dueAtMs, dueBeforeMs, actor } = expiry;
  const home = await lockRepository(tx, repository, "change");
  if (home?.id !== repositoryId) return "changed";
  await lockQuotas(tx, [repositoryId]);
  if (!(await isStillPolicy(tx, repository, policy))) return "changed";
  const candidates = tx
    .selectFrom("manifests")
    .innerJoin("manifest_reviews", "manifest_reviews.manifest_id", "manifests.id")
    .select(["manifests.id as id", "manifests.digest as digest"])
    .select(["manifests.subject_digest as subject", "manifest_reviews.due_at as dueAtMs"])
    .where(dialectOf(tx).isOneOf("manifests.id", expiry.manifestIds))
    .where("manifests.repository_id", "=", repositoryId)
    .where("manifests.leased_until", "<=", nowMs)
    .where("manifest_reviews.due_at", "<=", dueBeforeMs)
    .orderBy("manifests.id");
  const found = await locked(tx, candidates, { mode: "remove", table: "manifests" }).execute();
  const deleted: Digest[] = [];
  for (const manifest of found) {
    const removed = { ...manifest, repositoryId };
    if (await isKept(tx, removed)) continue;
    await releaseManifestQuota(tx, removed);
    await addCandidatesOf(tx, removed, dueAtMs, manifest.dueAtMs);
    await tx.deleteFrom("manifests").where("id", "=", manifest.id).execute();
    deleted.push(manifest.digest);
  }
  if (deleted.length === 0) return { deleted };
  await touchRepository(tx, repositoryId, nowMs);
  const [account, action, data] = [
    namespaceOf(repository),
    "repo.manifest.delete",
    { reason: "retention" },
  ] as const;
  await writeAudit(
    tx,
    ...deleted.map((digest) => {
      return { nowMs, actor, account, action, data, subject: `${repository}@${digest}` };
    }),
  );
  return { deleted };
}
