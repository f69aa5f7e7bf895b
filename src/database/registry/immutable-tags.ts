import { sql } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import type { Tag } from "../../oci/reference.ts";
import { matcherOf } from "../../oci/tag-patterns.ts";
import type { ImmutableTag } from "../rejections.ts";
import type { Db } from "../schema.ts";
import type { Repository } from "./repositories.ts";

/*
 * A tag that matches the repository's patterns is immutable as soon as it exists: it cannot be moved or deleted, and
 * its manifest cannot be changed or deleted. The command that would change it checks this in its own transaction.
 */

type Home = Pick<Repository, "id" | "immutableTags">;

/** Whether a tag of the repository is immutable, if it exists. */
export const immutableMatcher = async ({
  immutableTags,
}: Pick<Home, "immutableTags">): Promise<(tag: Tag) => boolean> =>
  immutableTags === null ? () => false : matcherOf(immutableTags);

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
export async function findImmutableTag(
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
