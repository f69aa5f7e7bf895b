import { writeAudit, type AuditContext } from "../events/audit.ts";
import type { Db } from "../schema.ts";

/** Servers reject pushes, deletions and changes of repositories. */
export interface ReadOnlyMode {
  /** For people; empty: none. */
  readonly reason: string;
  readonly changedAtMs: number;
  /** The name of an account, or `berth` for the command line. */
  readonly changedBy: string;
}

export function createReadOnlyModeReads(db: Db) {
  return {
    /** `undefined`: the registry is not read-only. */
    async find(): Promise<ReadOnlyMode | undefined> {
      const row = await db
        .selectFrom("read_only_mode")
        .select(["reason", "changed_at as changedAtMs", "changed_by as changedBy"])
        .executeTakeFirst();
      return row;
    },
  };
}

/** Makes the registry read-only, or changes the reason. */
export async function startReadOnlyMode(
  tx: Db,
  { actor, nowMs, reason }: AuditContext & { readonly reason: string },
): Promise<ReadOnlyMode> {
  const mode = { reason, changedAtMs: nowMs, changedBy: actor.name };
  const columns = { reason, changed_at: nowMs, changed_by: actor.name };
  await tx
    .insertInto("read_only_mode")
    .values({ only_row: 1, ...columns })
    .onConflict((conflict) => conflict.column("only_row").doUpdateSet(columns))
    .execute();
  await audit(tx, { actor, nowMs }, "server.read_only.start", { reason });
  return mode;
}

/** False: the registry was not read-only. */
export async function endReadOnlyMode(tx: Db, context: AuditContext): Promise<boolean> {
  const { numDeletedRows } = await tx.deleteFrom("read_only_mode").executeTakeFirst();
  if (numDeletedRows === 0n) return false;
  await audit(tx, context, "server.read_only.end", {});
  return true;
}

const audit = (
  tx: Db,
  { actor, nowMs }: AuditContext,
  action: "server.read_only.start" | "server.read_only.end",
  data: Record<string, string>,
): Promise<void> =>
  writeAudit(tx, { nowMs, actor, account: "berth", action, subject: "read-only", data });
