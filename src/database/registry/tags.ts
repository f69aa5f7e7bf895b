import { sql } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import { matcherOf } from "../../oci/tag-patterns.ts";
import { writeAudit, type AuditContext } from "../events/audit.ts";
import { addManifestCandidate, type EventTimes } from "../maintenance/gc-candidates.ts";
import { pageOf, slicesOf, type Page } from "../query-parts.ts";
import type { ImmutableTag } from "../rejections.ts";
import type { Db } from "../schema.ts";
import {
  findRepository,
  lockRepository,
  touchRepository,
  type Repository,
} from "./repositories.ts";

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

/** A change to the tags of a repository, with its actor. */
export interface TagChange extends EventTimes, AuditContext {
  readonly repository: RepositoryName;
}

/** Points a tag of a locked repository at a manifest and adds a history entry. The same digest again is a push, but adds no entry. */
export async function pointTag(
  tx: Db,
  tag: {
    readonly repositoryId: number;
    readonly name: Tag;
    readonly manifestId: number;
    readonly digest: Digest;
  },
  change: TagChange,
  data: Record<string, string> = {},
): Promise<void> {
  const { nowMs, dueAtMs, actor } = change;
  const pushed = { manifest_id: tag.manifestId, updated_at: nowMs, updater: actor.name };
  const before = await tx
    .selectFrom("tags")
    .select("manifest_id")
    .where("repository_id", "=", tag.repositoryId)
    .where("name", "=", tag.name)
    .executeTakeFirst();
  await tx
    .insertInto("tags")
    .values({ repository_id: tag.repositoryId, name: tag.name, ...pushed })
    .onConflict((conflict) => conflict.columns(["repository_id", "name"]).doUpdateSet(pushed))
    .execute();
  const audited = { digest: tag.digest, ...data };
  const pushOfTag = { action: "repo.tag.push", name: tag.name, data: audited } as const;
  await writeAudit(tx, auditRow(change, pushOfTag));
  if (before?.manifest_id === tag.manifestId) return;
  await tx.insertInto("tag_history").values(historyEntry(tag, change)).execute();
  if (before !== undefined) await addManifestCandidate(tx, before.manifest_id, dueAtMs);
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
  const names = removed.map((row) => row.name);
  await recordDeletions(tx, repositoryId, names, change);
  return names;
}

interface DeleteTag extends TagChange {
  readonly tag: Tag;
}

/** Deletes a tag; the manifest stays. False if the tag did not exist. */
export async function deleteTag(tx: Db, deletion: DeleteTag): Promise<boolean | ImmutableTag> {
  const { repository, tag, nowMs, dueAtMs } = deletion;
  const home = await lockRepository(tx, repository, "change");
  if (home === undefined) return false;
  const found = await tx
    .selectFrom("tags")
    .select("manifest_id")
    .where("repository_id", "=", home.id)
    .where("name", "=", tag)
    .executeTakeFirst();
  if (found === undefined) return false;
  const immutable = await findImmutableTag(home, tag);
  if (immutable !== undefined) return immutable;
  await tx
    .deleteFrom("tags")
    .where("repository_id", "=", home.id)
    .where("name", "=", tag)
    .execute();
  await addManifestCandidate(tx, found.manifest_id, dueAtMs);
  await recordDeletions(tx, home.id, [tag], deletion);
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
  const { repository, tags, nowMs, dueAtMs } = deletion;
  const home = await lockRepository(tx, repository, "change");
  if (home === undefined) return { deleted: [], immutable: [] };
  const found = await tx
    .selectFrom("tags")
    .select(["name", "manifest_id as manifestId"])
    .where("repository_id", "=", home.id)
    .where("name", "in", tags)
    .orderBy("name")
    .execute();
  const isImmutable =
    home.immutableTags === null ? () => false : await matcherOf(home.immutableTags);
  const deletable = found.filter(({ name }) => !isImmutable(name));
  const deleted = deletable.map(({ name }) => name);
  if (deleted.length > 0) {
    await tx
      .deleteFrom("tags")
      .where("repository_id", "=", home.id)
      .where("name", "in", deleted)
      .execute();
    const manifests = new Set(deletable.map(({ manifestId }) => manifestId));
    for (const id of [...manifests].toSorted((a, b) => a - b))
      await addManifestCandidate(tx, id, dueAtMs);
    await recordDeletions(tx, home.id, deleted, deletion);
    await touchRepository(tx, home.id, nowMs);
  }
  return { deleted, immutable: found.map(({ name }) => name).filter((name) => isImmutable(name)) };
}

async function recordDeletions(
  tx: Db,
  repositoryId: number,
  names: readonly Tag[],
  change: TagChange,
): Promise<void> {
  const digest = null;
  const action = "repo.tag.delete";
  for (const some of slicesOf(names)) {
    const entries = some.map((name) => historyEntry({ repositoryId, name, digest }, change));
    await tx.insertInto("tag_history").values(entries).execute();
    await writeAudit(tx, ...some.map((name) => auditRow(change, { action, name })));
  }
}

/** An entry of the history of a tag; without a digest: the tag was deleted. */
const historyEntry = (
  tag: { readonly repositoryId: number; readonly name: Tag; readonly digest: Digest | null },
  { nowMs, actor }: TagChange,
) => ({
  repository_id: tag.repositoryId,
  name: tag.name,
  digest: tag.digest,
  changed_at: nowMs,
  actor: actor.name || null,
});

const auditRow = (
  { repository, nowMs, actor }: TagChange,
  row: {
    readonly action: "repo.tag.push" | "repo.tag.delete";
    readonly name: Tag;
    readonly data?: Record<string, string>;
  },
) => ({
  ...{ nowMs, actor, action: row.action, data: row.data ?? {} },
  ...{ account: namespaceOf(repository), subject: `${repository}:${row.name}` },
});

/*
 * A tag that matches the repository's patterns is immutable as soon as it exists: it cannot be moved or deleted, and
 * its manifest cannot be changed or deleted. The command that would change it checks this in its own transaction.
 */

type Home = Pick<Repository, "id" | "immutableTags">;

/** The first of the tags that exists, is immutable, and points at another digest. */
export async function findImmutable(
  tx: Db,
  { id, immutableTags }: Home,
  tags: readonly Tag[],
  digest: Digest,
): Promise<ImmutableTag | undefined> {
  if (immutableTags === null || tags.length === 0) return undefined;
  const others = await tx
    .selectFrom("tags")
    .innerJoin("manifests", "manifests.id", "tags.manifest_id")
    .select("tags.name as name")
    .where("tags.repository_id", "=", id)
    .where("tags.name", "in", tags)
    .where("manifests.digest", "<>", digest)
    .execute();
  return firstOf(
    immutableTags,
    others.map(({ name }) => name),
  );
}

/** The tag as a rejection, if it is immutable. */
async function findImmutableTag(
  { immutableTags }: Home,
  tag: Tag,
): Promise<ImmutableTag | undefined> {
  return immutableTags === null ? undefined : firstOf(immutableTags, [tag]);
}

/**
 * An immutable tag that a change of this manifest would affect: it points at the manifest, or at an index that contains
 * it.
 */
export async function findImmutableOver(
  tx: Db,
  { id, immutableTags }: Home,
  digest: Digest,
): Promise<ImmutableTag | undefined> {
  if (immutableTags === null) return undefined;
  const { rows } = await sql<{ readonly name: Tag }>`
    WITH RECURSIVE above (id, digest) AS (
      SELECT id, digest FROM manifests WHERE repository_id = ${id} AND digest = ${digest}
      UNION
      SELECT manifests.id, manifests.digest FROM above
      JOIN manifest_references ON manifest_references.digest = above.digest AND manifest_references.kind = 'child'
      JOIN manifests ON manifests.id = manifest_references.manifest_id AND manifests.repository_id = ${id})
    SELECT tags.name AS name FROM above JOIN tags ON tags.manifest_id = above.id`.execute(tx);
  return firstOf(
    immutableTags,
    rows.map(({ name }) => name),
  );
}

async function firstOf(
  patterns: readonly string[],
  tags: readonly Tag[],
): Promise<ImmutableTag | undefined> {
  if (tags.length === 0) return undefined;
  const tag = tags.find(await matcherOf(patterns));
  return tag && { rejected: "immutable", tag };
}
