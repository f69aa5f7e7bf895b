import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import { writeAudit } from "../events/audit.ts";
import { recordEvents } from "../events/events.ts";
import { addManifestCandidate } from "../maintenance/gc-candidates.ts";
import { pageOf, slicesOf, type Page } from "../query-parts.ts";
import type { ImmutableTag } from "../rejections.ts";
import type { Db } from "../schema.ts";
import { findImmutableTag, immutableMatcher } from "./immutable-tags.ts";
import { auditRow, historyEntry, insertHistory, readTag, type TagChange } from "./point-tag.ts";
import { findRepository, lockRepository, touchRepository } from "./repositories.ts";

export function createTagReads(db: Db) {
  return {
    /** Tags of a repository in bytewise order, after `last`; `undefined` if there is no such repository. */
    async list(
      repository: RepositoryName,
      page: { readonly last?: string | undefined; readonly limit: number },
    ): Promise<Page<Tag> | undefined> {
      const home = await findRepository(db, repository);
      if (home === undefined) return undefined;
      const rows = await db
        .selectFrom("tags")
        .select("name")
        .where("repository_id", "=", home.id)
        .where("name", ">", (page.last ?? "") as Tag)
        .orderBy("name")
        .limit(page.limit + 1)
        .execute();
      return pageOf(
        rows.map((row) => row.name),
        page.limit,
      );
    },
  };
}

/** Deletes every tag that points at a manifest and returns the names. */
export async function removeTagsOf(
  tx: Db,
  repositoryId: number,
  manifestId: number,
  change: TagChange,
): Promise<readonly Tag[]> {
  const removed = await tx
    .deleteFrom("tags")
    .where("manifest_id", "=", manifestId)
    .returning("name")
    .execute();
  const tags = removed.map(({ name }) => ({ name, manifestId }));
  await recordDeletions(tx, repositoryId, tags, change);
  return tags.map(({ name }) => name);
}

interface DeleteTag extends TagChange {
  readonly tag: Tag;
}

/** Deletes a tag; the manifest stays. False if the tag did not exist. */
export async function deleteTag(tx: Db, deletion: DeleteTag): Promise<boolean | ImmutableTag> {
  const { repository, tag, nowMs, dueAtMs } = deletion;
  const home = await lockRepository(tx, repository, "change");
  if (home === undefined) return false;
  const found = await readTag.executeTakeFirst(tx, { repositoryId: home.id, name: tag });
  if (found === undefined) return false;
  const immutable = await findImmutableTag(home, tag);
  if (immutable !== undefined) return immutable;
  await tx
    .deleteFrom("tags")
    .where("repository_id", "=", home.id)
    .where("name", "=", tag)
    .execute();
  await addManifestCandidate(tx, found.manifest_id, dueAtMs);
  const deleted = [{ name: tag, manifestId: found.manifest_id }];
  await recordDeletions(tx, home.id, deleted, deletion);
  await touchRepository(tx, home.id, nowMs);
  return true;
}

interface DeleteTags extends TagChange {
  /** At most 100, so that the transaction is short. */
  readonly tags: readonly Tag[];
}

/** Deletes the tags that exist and are not immutable; their manifests stay. Returns the deleted and the immutable ones. */
export async function deleteTags(
  tx: Db,
  deletion: DeleteTags,
): Promise<{ readonly deleted: readonly Tag[]; readonly immutable: readonly Tag[] }> {
  const { repository, tags } = deletion;
  const home = await lockRepository(tx, repository, "change");
  if (home === undefined) return { deleted: [], immutable: [] };
  const found = await tx
    .selectFrom("tags")
    .select(["name", "manifest_id as manifestId"])
    .where("repository_id", "=", home.id)
    .where("name", "in", tags)
    .orderBy("name")
    .execute();
  const isImmutable = await immutableMatcher(home);
  const deletable = found.filter(({ name }) => !isImmutable(name));
  await removeTags(tx, home.id, deletable, deletion);
  return {
    deleted: deletable.map(({ name }) => name),
    immutable: found.map(({ name }) => name).filter((name) => isImmutable(name)),
  };
}

interface TagRemoval extends TagChange {
  /** The data of the audit rows. */
  readonly data?: Record<string, string>;
}

/** Deletes tags of a locked repository. */
export async function removeTags(
  tx: Db,
  repositoryId: number,
  tags: readonly { readonly name: Tag; readonly manifestId: number }[],
  change: TagRemoval,
): Promise<void> {
  if (tags.length === 0) return;
  const names = tags.map(({ name }) => name);
  await tx
    .deleteFrom("tags")
    .where("repository_id", "=", repositoryId)
    .where("name", "in", names)
    .execute();
  const manifests = new Set(tags.map(({ manifestId }) => manifestId));
  for (const id of [...manifests].toSorted((a, b) => a - b))
    await addManifestCandidate(tx, id, change.dueAtMs);
  await recordDeletions(tx, repositoryId, tags, change);
  await touchRepository(tx, repositoryId, change.nowMs);
}

async function recordDeletions(
  tx: Db,
  repositoryId: number,
  tags: readonly { readonly name: Tag; readonly manifestId: number }[],
  { data, ...change }: TagRemoval,
): Promise<void> {
  const digest = null;
  const action = "repo.tag.delete";
  for (const some of slicesOf(tags)) {
    const entries = some.map(({ name }) => historyEntry({ repositoryId, name, digest }, change));
    await insertHistory.execute(tx, entries);
    await writeAudit(
      tx,
      ...some.map(({ name }) => auditRow(change, { action, name, data: data ?? {} })),
    );
  }
  const { repository } = change;
  const deletions = tags.map(
    ({ name: tag, manifestId: previousManifestId }) =>
      ({ type: "tag.deleted", repository, tag, previousManifestId }) as const,
  );
  await recordEvents(tx, change, ...deletions);
}
