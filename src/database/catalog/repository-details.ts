import { sql } from "kysely";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { TagPatterns } from "../../oci/tag-patterns.ts";
import { writeAudit, type AuditContext } from "../events/audit.ts";
import { dialectOf } from "../dialect.ts";
import { lockRepository } from "../registry/repositories.ts";
import type { Visibility } from "../registry/schema.ts";
import type { Db } from "../schema.ts";

/** A repository as lists and its own page show it. */
export interface RepositoryDetails {
  readonly id: number;
  readonly name: RepositoryName;
  readonly visibility: Visibility;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly immutableTags: TagPatterns | null;
  readonly tagCount: number;
  readonly starCount: number;
  readonly sizeBytes: number;
  readonly shortText: string;
  /** Empty in lists. */
  readonly fullText: string;
}

/** The type of one of the newest tags' manifests. */
interface TaggedKind {
  readonly repositoryId: number;
  readonly mediaType: string;
  readonly kind: "image" | "index" | "opaque";
  readonly artifactType: string | null;
  readonly configMediaType: string | null;
}

/** The newest 10 tags determine the kinds of a repository. */
const newestTags = 10;

export function createRepositoryDetailReads(db: Db) {
  return {
    /** The existing repositories among `names`, in the order of `names`, in one query. */
    async find(
      names: readonly RepositoryName[],
      { fullTexts }: { readonly fullTexts: boolean },
    ): Promise<readonly RepositoryDetails[]> {
      if (names.length === 0) return [];
      const rows = await db
        .selectFrom("repositories")
        .leftJoin(
          "repository_descriptions",
          "repository_descriptions.repository_id",
          "repositories.id",
        )
        .select([
          "repositories.id as id",
          "repositories.name as name",
          "repositories.visibility as visibility",
          "repositories.created_at as createdAtMs",
          "repositories.updated_at as updatedAtMs",
          "repositories.immutable_tags as immutableTags",
          "repositories.tag_count as tagCount",
          "repositories.star_count as starCount",
          "repositories.size_bytes as sizeBytes",
          sql<string>`coalesce(repository_descriptions.short_text, '')`.as("shortText"),
          fullTexts
            ? sql<string>`coalesce(repository_descriptions.full_text, '')`.as("fullText")
            : sql<string>`''`.as("fullText"),
        ])
        .where(dialectOf(db).isOneOf("repositories.name", names))
        .execute();
      const byName = new Map(rows.map((row) => [row.name, row]));
      return names.flatMap((name) => {
        const row = byName.get(name);
        if (row === undefined) return [];
        const { immutableTags } = row;
        const patterns = immutableTags === null ? null : (JSON.parse(immutableTags) as TagPatterns);
        // A copy of every row would cost as much as reading it.
        return [Object.assign(row, { immutableTags: patterns })];
      });
    },

    /** The types of the 10 newest tags of these repositories, however many tags there are. */
    async kinds(ids: readonly number[]): Promise<readonly TaggedKind[]> {
      if (ids.length === 0) return [];
      const dialect = dialectOf(db);
      const newest = sql`
        SELECT manifest_id FROM tags WHERE repository_id = repositories.id
        ORDER BY updated_at DESC, name DESC LIMIT ${newestTags}`;
      const { rows } = await sql<TaggedKind>`
        SELECT repositories.id AS "repositoryId", manifests.media_type AS "mediaType", manifests.kind AS kind,
          manifests.artifact_type AS "artifactType", manifests.config_media_type AS "configMediaType"
        FROM repositories JOIN manifests ON ${dialect.isInLimited("manifests.id", newest)}
        WHERE ${dialect.isOneOf("repositories.id", ids)}`.execute(db);
      return rows;
    },

    /** Number of users with a permission on this repository. */
    async collaborators(repositoryId: number): Promise<number> {
      const row = await db
        .selectFrom("collaborators")
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .where("repository_id", "=", repositoryId)
        .executeTakeFirstOrThrow();
      return row.count;
    },
  };
}

interface SetDescription extends AuditContext {
  readonly repository: RepositoryName;
  /** An absent field stays unchanged. */
  readonly short?: string | undefined;
  readonly full?: string | undefined;
}

/** False if there is no such repository. */
export async function setDescription(tx: Db, set: SetDescription): Promise<boolean> {
  const { actor, nowMs, repository, short, full } = set;
  const home = await lockRepository(tx, repository, "share");
  if (home === undefined) return false;
  const texts = {
    ...(short === undefined ? {} : { short_text: short }),
    ...(full === undefined ? {} : { full_text: full }),
  };
  const fields = Object.keys(texts);
  if (fields.length === 0) return true;
  await tx
    .insertInto("repository_descriptions")
    .values({ repository_id: home.id, ...texts })
    .onConflict((conflict) => conflict.column("repository_id").doUpdateSet(texts))
    .execute();
  await writeAudit(tx, {
    nowMs,
    actor,
    account: namespaceOf(repository),
    action: "repo.update",
    subject: repository,
    data: { fields: fields.join(",") },
  });
  return true;
}
