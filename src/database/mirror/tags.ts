import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import { writeAudit, type AuditContext } from "../events/audit.ts";
import type { Db } from "../schema.ts";

/** A tag of a mirror that eviction keeps. */
interface MirrorPin {
  readonly repository: RepositoryName;
  readonly tag: Tag;
}

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

    pins: (): Promise<readonly MirrorPin[]> =>
      db
        .selectFrom("mirror_pins")
        .select(["repository", "tag"])
        .orderBy("repository")
        .orderBy("tag")
        .execute(),
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

/** Pins a tag: eviction keeps its image. False: it was pinned already. */
export async function pinMirrorTag(
  tx: Db,
  { repository, tag, actor, nowMs }: MirrorPin & AuditContext,
): Promise<boolean> {
  const pinned = await tx
    .insertInto("mirror_pins")
    .values({ repository, tag, pinned_at: nowMs })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if ((pinned.numInsertedOrUpdatedRows ?? 0n) === 0n) return false;
  await writePinAudit(tx, { repository, tag, actor, nowMs }, "mirror.pin");
  return true;
}

/** False: it was not pinned. */
export async function unpinMirrorTag(
  tx: Db,
  { repository, tag, actor, nowMs }: MirrorPin & AuditContext,
): Promise<boolean> {
  const unpinned = await tx
    .deleteFrom("mirror_pins")
    .where("repository", "=", repository)
    .where("tag", "=", tag)
    .executeTakeFirst();
  if (unpinned.numDeletedRows === 0n) return false;
  await writePinAudit(tx, { repository, tag, actor, nowMs }, "mirror.unpin");
  return true;
}

async function writePinAudit(
  tx: Db,
  { repository, tag, actor, nowMs }: MirrorPin & AuditContext,
  action: "mirror.pin" | "mirror.unpin",
): Promise<void> {
  const subject = `${repository}:${tag}`;
  await writeAudit(tx, { nowMs, actor, account: namespaceOf(repository), action, subject });
}
