import { sql } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import type { ImmutableTag } from "../rejections.ts";
import type { Db } from "../schema.ts";
import { lockRepository, touchRepository } from "./repositories.ts";
import { findImmutable } from "./immutable-tags.ts";
import { pointTag, type TagChange } from "./point-tag.ts";

/** One entry of a tag's history. */
export interface TagMove {
  readonly id: number;
  /** `null`: the tag was deleted. */
  readonly digest: Digest | null;
  readonly changedAtMs: number;
  /** Name of the actor (`mirror` for a mirror); `null`: an anonymous client. */
  readonly actor: string | null;
  /** The label of the actor's access token at that time; `null`: it was not a token. */
  readonly tokenLabel: string | null;
  /** `null`: the repository does not have the manifest any more. */
  readonly manifestId: number | null;
  readonly isRollback: boolean;
}

export function createTagHistoryReads(db: Db) {
  const of = (repositoryId: number, tag: Tag) =>
    db
      .selectFrom("tag_history")
      .where("tag_history.repository_id", "=", repositoryId)
      .where("tag_history.name", "=", tag);
  return {
    /** Newest first. */
    async list(
      { id: repositoryId, name }: { readonly id: number; readonly name: RepositoryName },
      tag: Tag,
      page: { readonly skip: number; readonly limit: number },
    ): Promise<readonly TagMove[]> {
      const rows = await of(repositoryId, tag)
        .leftJoin("manifests", (join) =>
          join
            .onRef("manifests.repository_id", "=", "tag_history.repository_id")
            .onRef("manifests.digest", "=", "tag_history.digest"),
        )
        .select(["tag_history.id as id", "tag_history.digest as digest", "actor"])
        .select("tag_history.token_label as tokenLabel")
        .select(["changed_at as changedAtMs", "manifests.id as manifestId"])
        .select(isRollback(name, tag))
        .orderBy("tag_history.id", "desc")
        .limit(page.limit)
        .offset(page.skip)
        .execute();
      return rows.map((row) => ({ ...row, isRollback: row.isRollback === 1 }));
    },

    async count(repositoryId: number, tag: Tag): Promise<number> {
      const { count } = await of(repositoryId, tag)
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .executeTakeFirstOrThrow();
      return count;
    },
  };
}

/** Whether the audit row of a move, which has the same time, is one of a rollback. */
const isRollback = (repository: RepositoryName, tag: Tag) =>
  sql<0 | 1>`CASE WHEN EXISTS (SELECT 1 FROM audit_log
    WHERE audit_log.account = ${namespaceOf(repository)} AND audit_log.at = tag_history.changed_at
      AND audit_log.subject = ${`${repository}:${tag}`} AND audit_log.data = '{"digest":"' || tag_history.digest || '","rollback":"true"}') THEN 1 ELSE 0 END`.as(
    "isRollback",
  );

interface RollBackTag extends TagChange {
  readonly tag: Tag;
  /** `undefined`: the newest digest other than the current one. */
  readonly digest: Digest | undefined;
}

type TagRolledBack =
  | { readonly outcome: "done"; readonly digest: Digest }
  | { readonly outcome: "no repository" }
  /** The tag never pointed there, or the manifest was deleted. */
  | { readonly outcome: "no such past" };

export async function rollBackTag(
  tx: Db,
  rollback: RollBackTag,
): Promise<TagRolledBack | ImmutableTag> {
  const { repository, tag, digest: wanted, nowMs } = rollback;
  const home = await lockRepository(tx, repository, "change");
  if (home === undefined) return { outcome: "no repository" };
  const current = await tx
    .selectFrom("tags")
    .select("manifest_id")
    .where("repository_id", "=", home.id)
    .where("name", "=", tag)
    .executeTakeFirst();
  const past = await tx
    .selectFrom("tag_history")
    .innerJoin("manifests", (join) =>
      join
        .onRef("manifests.repository_id", "=", "tag_history.repository_id")
        .onRef("manifests.digest", "=", "tag_history.digest"),
    )
    .select(["manifests.id as manifestId", "manifests.digest as digest"])
    .where("tag_history.repository_id", "=", home.id)
    .where("tag_history.name", "=", tag)
    .$if(wanted !== undefined, (query) => query.where("manifests.digest", "=", wanted as Digest))
    .$if(wanted === undefined && current !== undefined, (query) =>
      query.where("manifests.id", "<>", current?.manifest_id ?? 0),
    )
    .orderBy("tag_history.id", "desc")
    .limit(1)
    .executeTakeFirst();
  if (past === undefined) return { outcome: "no such past" };
  const { manifestId, digest } = past;
  const immutable = await findImmutable(tx, home, [tag], digest);
  if (immutable !== undefined) return immutable;
  const moved = { repositoryId: home.id, name: tag, manifestId, digest };
  await pointTag(tx, moved, rollback, { rollback: "true" });
  await touchRepository(tx, home.id, nowMs);
  return { outcome: "done", digest };
}
