import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import type { Db } from "../schema.ts";

export function createMirrorTagReads(db: Db) {
  return {
    /** When the upstream last confirmed the tag; 0: never. */
    async checkedAtMs(repository: RepositoryName, tag: Tag): Promise<number> {
      const row = await db
        .selectFrom("mirror_tags")
        .select("checked_at")
        .where("repository", "=", repository)
        .where("tag", "=", tag)
        .executeTakeFirst();
      return row?.checked_at ?? 0;
    },

    /** The size of a blob according to a manifest of the repository. */
    async sizeOf(repository: RepositoryName, digest: Digest): Promise<number | undefined> {
      const row = await db
        .selectFrom("manifest_references")
        .innerJoin("manifests", "manifests.id", "manifest_references.manifest_id")
        .innerJoin("repositories", "repositories.id", "manifests.repository_id")
        .select("manifest_references.size_bytes as sizeBytes")
        .where("manifest_references.digest", "=", digest)
        .where("repositories.name", "=", repository)
        .executeTakeFirst();
      return row?.sizeBytes;
    },

    /** The layers after this one in images of the repository, in order; without layers that have foreign URLs. */
    async layersBehind(
      repository: RepositoryName,
      digest: Digest,
      limit: number,
    ): Promise<readonly Digest[]> {
      const rows = await db
        .selectFrom("manifest_references as this")
        .innerJoin("manifests", "manifests.id", "this.manifest_id")
        .innerJoin("repositories", "repositories.id", "manifests.repository_id")
        .innerJoin("manifest_references as next", (join) =>
          join
            .onRef("next.manifest_id", "=", "this.manifest_id")
            .onRef("next.position", ">", "this.position"),
        )
        .select("next.digest as digest")
        .where("this.digest", "=", digest)
        .where("this.kind", "=", "layer")
        .where("repositories.name", "=", repository)
        .where("next.kind", "=", "layer")
        .where("next.urls", "is", null)
        .orderBy("this.manifest_id", "desc")
        .orderBy("next.position")
        .limit(limit)
        .execute();
      return [...new Set(rows.map((row) => row.digest))];
    },

    /** The URLs of a layer in the manifests of the repository. URLs of configs and children are never fetched. */
    async urlsOf(repository: RepositoryName, digest: Digest): Promise<readonly string[]> {
      const rows = await db
        .selectFrom("manifest_references")
        .innerJoin("manifests", "manifests.id", "manifest_references.manifest_id")
        .innerJoin("repositories", "repositories.id", "manifests.repository_id")
        .select("manifest_references.urls as urls")
        .where("manifest_references.digest", "=", digest)
        .where("manifest_references.kind", "=", "layer")
        .where("manifest_references.urls", "is not", null)
        .where("repositories.name", "=", repository)
        .limit(10)
        .execute();
      return [...new Set(rows.flatMap(({ urls }) => JSON.parse(urls ?? "[]") as string[]))];
    },
  };
}

/** Records that the upstream has confirmed the tag. */
export async function checkMirrorTag(
  tx: Db,
  check: { readonly repository: RepositoryName; readonly tag: Tag; readonly nowMs: number },
): Promise<void> {
  const { repository, tag, nowMs } = check;
  await tx
    .insertInto("mirror_tags")
    .values({ repository, tag, checked_at: nowMs })
    .onConflict((conflict) =>
      conflict.columns(["repository", "tag"]).doUpdateSet({ checked_at: nowMs }),
    )
    .execute();
}

export const mirrorTagCommands = { checkMirrorTag };
