import { sql } from "kysely";
import { dialectOf } from "../dialect.ts";
import { writeAudit, type AuditContext } from "../events/audit.ts";
import { locked, lockName, lockRows } from "../locks.ts";
import type { Db } from "../schema.ts";

/*
 * The quota of a namespace counts the bytes of the distinct blobs that its repositories link, and of their manifests.
 * The sum is in the quota's row. Every transaction that adds or removes a link or a manifest updates it; a namespace
 * without a row costs nothing. `quota-changes.ts` adds and subtracts.
 */

export interface Quota {
  /** `null`: the configured default. */
  readonly limitBytes: number | null;
  readonly usedBytes: number;
}

const selectQuota = (db: Db, namespace: string) =>
  db
    .selectFrom("quotas")
    .select(["limit_bytes as limitBytes", "used_bytes as usedBytes"])
    .where("namespace", "=", namespace);

export const findQuota = (db: Db, namespace: string): Promise<Quota | undefined> =>
  selectQuota(db, namespace).executeTakeFirst();

/** Locks the quota's row, if there is one. */
export const lockQuota = (tx: Db, namespace: string): Promise<Quota | undefined> =>
  locked(tx, selectQuota(tx, namespace), { mode: "change", table: "quotas" }).executeTakeFirst();

/** Locks the quotas of the namespaces of several repositories. */
export async function lockQuotas(tx: Db, repositoryIds: readonly number[]): Promise<void> {
  const namespaces = tx
    .selectFrom("repositories")
    .select("namespace")
    .where(dialectOf(tx).isOneOf("id", repositoryIds));
  const quotas = tx
    .selectFrom("quotas")
    .select("namespace")
    .where("namespace", "in", namespaces)
    .orderBy("namespace");
  await lockRows(tx, quotas, { mode: "change", table: "quotas" });
}

/** Counts the used bytes again: after many links were deleted at once, or when the row is wrong. */
export async function recountQuota(
  tx: Db,
  { namespace }: { readonly namespace: string },
): Promise<void> {
  if ((await lockQuota(tx, namespace)) === undefined) return;
  await tx
    .updateTable("quotas")
    .set({ used_bytes: storedBytes(namespace) })
    .where("namespace", "=", namespace)
    .execute();
}

const storedBytes = (namespace: string) => sql<number>`(
  (SELECT coalesce(sum(size_bytes), 0) FROM blobs WHERE id IN (
    SELECT blob_links.blob_id FROM repositories
    JOIN blob_links ON blob_links.repository_id = repositories.id
    WHERE repositories.namespace = ${namespace}))
  + (SELECT coalesce(sum(manifests.size_bytes), 0) FROM repositories
    JOIN manifests ON manifests.repository_id = repositories.id
    WHERE repositories.namespace = ${namespace}))`;

/**
 * Creates the quota row of a namespace with its used bytes. If another command has just created it, sets `limitBytes`
 * unless it is `undefined`.
 */
export async function beginCounting(
  tx: Db,
  namespace: string,
  limitBytes?: number,
): Promise<Quota> {
  await lockContent(tx, namespace);
  return tx
    .insertInto("quotas")
    .values({ namespace, limit_bytes: limitBytes ?? null, used_bytes: storedBytes(namespace) })
    .onConflict((conflict) =>
      conflict
        .column("namespace")
        .doUpdateSet((row) =>
          limitBytes === undefined
            ? { used_bytes: row.ref("quotas.used_bytes") }
            : { limit_bytes: limitBytes },
        ),
    )
    .returning(["limit_bytes as limitBytes", "used_bytes as usedBytes"])
    .executeTakeFirstOrThrow();
}

/**
 * Waits for the commands that add or remove content in the namespace, and stops new ones: they have not seen that the
 * namespace is counted.
 */
async function lockContent(tx: Db, namespace: string): Promise<void> {
  await lockName(tx, `namespace ${namespace}`);
  const repositories = tx
    .selectFrom("repositories")
    .select("id")
    .where("namespace", "=", namespace)
    .orderBy("id");
  await lockRows(tx, repositories, { mode: "remove", table: "repositories" });
}

interface SetQuota extends AuditContext {
  readonly namespace: string;
  readonly limitBytes: number;
}

/** Sets the limit of a namespace. Existing content stays, also above the limit. */
export async function setQuota(tx: Db, set: SetQuota): Promise<Quota> {
  const { namespace, limitBytes, nowMs, actor } = set;
  const changed = await tx
    .updateTable("quotas")
    .set({ limit_bytes: limitBytes })
    .where("namespace", "=", namespace)
    .returning(["limit_bytes as limitBytes", "used_bytes as usedBytes"])
    .executeTakeFirst();
  const quota = changed ?? (await beginCounting(tx, namespace, limitBytes));
  const data = { limitBytes: String(limitBytes) };
  const action = "org.quota.set";
  await writeAudit(tx, { nowMs, actor, account: namespace, action, subject: namespace, data });
  return quota;
}

/** Removes the namespace's own limit; the configured default applies. False if it had none. */
export async function removeQuota(
  tx: Db,
  { namespace, nowMs, actor }: Omit<SetQuota, "limitBytes">,
): Promise<boolean> {
  const removed = await tx
    .deleteFrom("quotas")
    .where("namespace", "=", namespace)
    .where("limit_bytes", "is not", null)
    .executeTakeFirst();
  if (removed.numDeletedRows === 0n) return false;
  const action = "org.quota.remove";
  await writeAudit(tx, { nowMs, actor, account: namespace, action, subject: namespace });
  return true;
}
