import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import { writeAudit, type Actor } from "../events/audit.ts";
import { findImmutableTag } from "./immutable-tags.ts";
import type { Change } from "./lease-times.ts";
import type { ImmutableTag } from "../rejections.ts";
import { findRepository, pageOf, touchRepository, type Page } from "./repositories.ts";
import { addManifestCandidate } from "../maintenance/gc-candidates.ts";
import type { Db } from "../schema.ts";

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
export interface TagChange extends Change {
  readonly repository: RepositoryName;
  readonly actor: Actor;
}

/** Points a tag at a manifest and adds a history entry. The same digest again is a push, but adds no entry. */
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
  const { nowMs, dueAtMs } = change;
  const before = await tx
    .selectFrom("tags")
    .select("manifest_id")
    .where("repository_id", "=", tag.repositoryId)
    .where("name", "=", tag.name)
    .executeTakeFirst();
  await tx
    .insertInto("tags")
    .values({
      repository_id: tag.repositoryId,
      name: tag.name,
      manifest_id: tag.manifestId,
      updated_at: nowMs,
    })
    .onConflict((conflict) =>
      conflict
        .columns(["repository_id", "name"])
        .doUpdateSet({ manifest_id: tag.manifestId, updated_at: nowMs }),
    )
    .execute();
  await auditTag(tx, "repo.tag.push", tag.name, change, { digest: tag.digest, ...data });
  if (before?.manifest_id === tag.manifestId) return;
  await rememberTag(tx, tag.repositoryId, tag.name, tag.digest, change);
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
  for (const { name } of removed) {
    await rememberTag(tx, repositoryId, name, null, change);
    await auditTag(tx, "repo.tag.delete", name, change);
  }
  return removed.map((row) => row.name);
}

export interface DeleteTag extends TagChange {
  readonly tag: Tag;
}

/** Deletes a tag; the manifest stays. False if the tag did not exist. */
async function deleteTag(tx: Db, deletion: DeleteTag): Promise<boolean | ImmutableTag> {
  const { repository, tag, nowMs, dueAtMs } = deletion;
  const home = await findRepository(tx, repository);
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
  await rememberTag(tx, home.id, tag, null, deletion);
  await auditTag(tx, "repo.tag.delete", tag, deletion);
  await touchRepository(tx, home.id, nowMs);
  return true;
}

async function rememberTag(
  tx: Db,
  repositoryId: number,
  name: Tag,
  digest: Digest | null,
  { nowMs, actor }: TagChange,
): Promise<void> {
  await tx
    .insertInto("tag_history")
    .values({
      repository_id: repositoryId,
      name,
      digest,
      changed_at: nowMs,
      actor: actor.name || null,
    })
    .execute();
}

function auditTag(
  tx: Db,
  action: "repo.tag.push" | "repo.tag.delete",
  name: Tag,
  { repository, nowMs, actor }: TagChange,
  data: Record<string, string> = {},
): Promise<void> {
  const account = namespaceOf(repository);
  return writeAudit(tx, { nowMs, actor, account, action, subject: `${repository}:${name}`, data });
}

export const tagCommands = { deleteTag };
