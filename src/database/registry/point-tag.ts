import { sql } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import { writeAudit, type AuditContext } from "../events/audit.ts";
import { recordEvents } from "../events/events.ts";
import { addManifestCandidate, type EventTimes } from "../maintenance/gc-candidates.ts";
import { accessTokenOf } from "../permissions/authority.ts";
import { prepared, preparedForRows, type PlaceholderRows, type Placeholders } from "../prepared.ts";
import type { Db } from "../schema.ts";

/* A tag is pointed at a manifest, with its history, its audit row and its events. */

/** A change to the tags of a repository, with its actor. */
export interface TagChange extends EventTimes, AuditContext {
  readonly repository: RepositoryName;
}

interface TagName {
  readonly repositoryId: number;
  readonly name: Tag;
}

/** The manifest of a tag. */
export const readTag = prepared((db, { repositoryId, name }: Placeholders<TagName>) =>
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

interface HistoryEntry extends TagName {
  readonly digest: Digest | null;
  readonly nowMs: number;
  readonly actor: string | null;
  readonly accessToken: string | null;
}

/** The label of the token is read in the statement that inserts it, so that a push has no further one. */
export const insertHistory = preparedForRows((db, entries: PlaceholderRows<HistoryEntry>) =>
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
export const historyEntry = (
  tag: { readonly repositoryId: number; readonly name: Tag; readonly digest: Digest | null },
  { nowMs, actor }: TagChange,
): HistoryEntry => ({
  ...{ repositoryId: tag.repositoryId, name: tag.name, digest: tag.digest, nowMs },
  ...{ actor: actor.name || null, accessToken: accessTokenOf(actor) ?? null },
});

/** The audit row of a pushed or deleted tag. */
export const auditRow = (
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
