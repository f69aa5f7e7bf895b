import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Tag } from "../oci/reference.ts";
import type { Change } from "./keeping.ts";
import { findRepository, pageOf, touchRepository, type Page } from "./repositories.ts";
import { reviewManifest } from "./reviews.ts";
import type { Database } from "./schema.ts";

export function createTagReads(db: Database) {
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

/** Points a tag at a manifest and remembers the change; pointing it where it points already is no change. */
export async function pointTag(
  tx: Database,
  tag: {
    readonly repositoryId: number;
    readonly name: Tag;
    readonly manifestId: number;
    readonly digest: Digest;
  },
  { nowMs, reviewAtMs }: Change,
): Promise<void> {
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
  if (before?.manifest_id === tag.manifestId) return;
  await rememberTag(tx, tag.repositoryId, tag.name, tag.digest, nowMs);
  if (before !== undefined) await reviewManifest(tx, before.manifest_id, reviewAtMs);
}

/** Removes every tag that points at a manifest. Resolves with their names. */
export async function removeTagsOf(
  tx: Database,
  repositoryId: number,
  manifestId: number,
  nowMs: number,
): Promise<readonly Tag[]> {
  const removed = await tx
    .deleteFrom("tags")
    .where("manifest_id", "=", manifestId)
    .returning("name")
    .execute();
  for (const { name } of removed) await rememberTag(tx, repositoryId, name, null, nowMs);
  return removed.map((row) => row.name);
}

export interface DeleteTag extends Change {
  readonly repository: RepositoryName;
  readonly tag: Tag;
}

/** Removes a tag; the manifest stays. False if it was not there. */
async function deleteTag(
  tx: Database,
  { repository, tag, nowMs, reviewAtMs }: DeleteTag,
): Promise<boolean> {
  const home = await findRepository(tx, repository);
  if (home === undefined) return false;
  const removed = await tx
    .deleteFrom("tags")
    .where("repository_id", "=", home.id)
    .where("name", "=", tag)
    .returning("manifest_id")
    .executeTakeFirst();
  if (removed === undefined) return false;
  await reviewManifest(tx, removed.manifest_id, reviewAtMs);
  await rememberTag(tx, home.id, tag, null, nowMs);
  await touchRepository(tx, home.id, nowMs);
  return true;
}

async function rememberTag(
  tx: Database,
  repositoryId: number,
  name: Tag,
  digest: Digest | null,
  nowMs: number,
): Promise<void> {
  await tx
    .insertInto("tag_history")
    .values({ repository_id: repositoryId, name, digest, changed_at: nowMs })
    .execute();
}

export const tagCommands = { deleteTag };
