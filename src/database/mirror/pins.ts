import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import type { Db } from "../schema.ts";

export interface MirrorPin {
  readonly repository: RepositoryName;
  readonly tag: Tag;
}

export function createMirrorPinReads(db: Db) {
  return {
    list: (): Promise<readonly MirrorPin[]> =>
      db
        .selectFrom("mirror_pins")
        .select(["repository", "tag"])
        .orderBy("repository")
        .orderBy("tag")
        .execute(),
  };
}

/** Pins a tag: eviction keeps its image. False: it was pinned already. */
async function pinMirrorTag(
  tx: Db,
  { repository, tag, nowMs }: MirrorPin & { readonly nowMs: number },
): Promise<boolean> {
  const pinned = await tx
    .insertInto("mirror_pins")
    .values({ repository, tag, pinned_at: nowMs })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return (pinned.numInsertedOrUpdatedRows ?? 0n) > 0n;
}

/** False: it was not pinned. */
async function unpinMirrorTag(tx: Db, { repository, tag }: MirrorPin): Promise<boolean> {
  const unpinned = await tx
    .deleteFrom("mirror_pins")
    .where("repository", "=", repository)
    .where("tag", "=", tag)
    .executeTakeFirst();
  return unpinned.numDeletedRows > 0n;
}

export const mirrorPinCommands = { pinMirrorTag, unpinMirrorTag };
