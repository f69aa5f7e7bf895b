import { sql } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import { writeAudit, type AuditContext } from "../events/audit.ts";
import { recordEvents } from "../events/events.ts";
import { addManifestCandidate, type EventTimes } from "../maintenance/gc-candidates.ts";
import { accessTokenOf } from "../permissions/authority.ts";
import { prepared, preparedForRows, type PlaceholderRows, type Placeholders } from "../prepared.ts";
import { pageOf, slicesOf, type Page } from "../query-parts.ts";
import type { ImmutableTag } from "../rejections.ts";
import type { Db } from "../schema.ts";
import { findImmutableTag, immutableMatcher } from "./immutable-tags.ts";
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

/** A change to the tags of a repository, with its actor. */
export interface TagChange extends EventTimes, AuditContext {
  readonly repository: RepositoryName;
}

interface TagName {
  readonly repositoryId: number;
  readonly name: Tag;
}

const readTag = prepared((db, { repositoryId, name }: Placeholders<TagName>) =>
  db
    .selectFrom("tags")
    .select("manifest_id")
    .where("repository_id", "=", repositoryId)
    .where("name", "=", name),
);

interface PushedTag extends TagName {
  readonly manifestId: number;
  readonly pushedAtMs: number;
  readonly updater: string;
}

const writeTag = prepared((db, tag: Placeholders<PushedTag>) => {
  const pushed = {
    manifest_id: tag.manifestId,
    updated_at: tag.pushedAtMs,
    updater: tag.updater,
  };
  return db
    .insertInto("tags")
    .values({ repository_id: tag.repositoryId, name: tag.name, ...pushed })
    .onConflict((conflict) => conflict.columns(["repository_id", "name"]).doUpdateSet(pushed));
});

/** Points a tag of a locked repository at a manifest and adds a history entry. The same digest again is a push, but adds no entry. */
export async function pointTag(
  tx: Db,
  tag: {
    readonly repositoryId: number;
    readonly name: Tag;
    readonly manifestId: number;
    readonly digest: Digest;
    /** The time of the tag, if it is not that of the change. */
    readonly pushedAtMs?: number | undefined;
  },
  change: TagChange,
  data: Record<string, string> = {},
): Promise<void> {
  const { nowMs, dueAtMs, actor } = change;
  const before = await readTag.executeTakeFirst(tx, tag);
  const pushedAtMs = tag.pushedAtMs ?? nowMs;
  await writeTag.execute(tx, { ...tag, pushedAtMs, updater: actor.name });
  const audited = { digest: tag.digest, ...data };
  const pushOfTag = { action: "repo.tag.push", name: tag.name, data: audited } as const;
  await writeAudit(tx, auditRow(change, pushOfTag));
  await recordEvents(tx, change, ...eventsOf(tag, change, before?.manifest_id));
  if (before?.manifest_id === tag.manifestId) return;
  await insertHistory.execute(tx, [historyEntry(tag, change)]);
  if (before !== undefined) await addManifestCandidate(tx, before.manifest_id, dueAtMs);
}

/** A push of the tag; also a move, if it pointed at another manifest. */
function eventsOf(
  { name: tag, manifestId, digest }: Omit<Parameters<typeof pointTag>[1], "repositoryId">,
  { repository }: TagChange,
  previousManifestId: number | undefined,
) {
  const push = { type: "push", repository, tag, digest, manifestId } as const;
  return previousManifestId === undefined || previousManifestId === manifestId
    ? [push]
    : [push, { ...push, type: "tag.moved", previousManifestId } as const];
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

interface HistoryEntry extends TagName {
  readonly digest: Digest | null;
  readonly nowMs: number;
  readonly actor: string | null;
  readonly accessToken: string | null;
}

/** The label of the token is read in the statement that inserts it, so that a push has no further one. */
const insertHistory = preparedForRows((db, entries: PlaceholderRows<HistoryEntry>) =>
  db.insertInto("tag_history").values(
    entries.map((entry) => ({
      repository_id: entry.repositoryId,
      name: entry.name,
      digest: entry.digest,
      changed_at: entry.nowMs,
      actor: entry.actor,
      token_label: sql<
        string | null
      >`(SELECT label FROM access_tokens WHERE id = ${entry.accessToken})`,
    })),
  ),
);

/** An entry of the history of a tag; without a digest: the tag was deleted. */
const historyEntry = (
  tag: { readonly repositoryId: number; readonly name: Tag; readonly digest: Digest | null },
  { nowMs, actor }: TagChange,
): HistoryEntry => ({
  ...{ repositoryId: tag.repositoryId, name: tag.name, digest: tag.digest, nowMs },
  ...{ actor: actor.name || null, accessToken: accessTokenOf(actor) ?? null },
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
