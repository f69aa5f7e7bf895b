import { sql, type RawBuilder } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import { locked } from "../locks.ts";
import { prepared, type Placeholders } from "../prepared.ts";
import { notDeleting } from "../query-parts.ts";
import type { OverQuota } from "../rejections.ts";
import type { Db } from "../schema.ts";
import { isLinkedIn, recordOverQuota, reservedBytes } from "./quota-changes.ts";
import { beginCounting, lockQuota, type Quota } from "./quotas.ts";
import type { NewUpload, UploadRow } from "./schema.ts";

/** Condition: the session belongs to the account; `null`: to a client without an account. */
const isOf = (accountId: number | null): RawBuilder<boolean> =>
  accountId === null ? sql`account_id IS NULL` : sql`account_id = ${accountId}`;

const columns = [
  "id",
  "repository",
  "storage_reference",
  "started_at",
  "touched_at",
  "account_id",
  "held_until",
] as const satisfies readonly (keyof UploadRow)[];

const readUpload = prepared((db, { id }: Placeholders<Pick<UploadRow, "id">>) =>
  db.selectFrom("uploads").select(columns).where("id", "=", id),
);

export function createUploadReads(db: Db) {
  return {
    find: (id: string): Promise<UploadRow | undefined> => readUpload.executeTakeFirst(db, { id }),

    /** Sessions without activity since `beforeMs`, the oldest first. */
    idleSince: (beforeMs: number, limit: number): Promise<readonly UploadRow[]> =>
      db
        .selectFrom("uploads")
        .select(columns)
        .where("touched_at", "<", beforeMs)
        .orderBy("touched_at")
        .limit(limit)
        .execute(),

    /** All sessions by their last activity, the oldest first. */
    page: ({
      limit,
      offset,
    }: {
      readonly limit: number;
      readonly offset: number;
    }): Promise<readonly UploadRow[]> =>
      db
        .selectFrom("uploads")
        .select(columns)
        .orderBy("touched_at")
        .orderBy("id")
        .limit(limit)
        .offset(offset)
        .execute(),

    async count(): Promise<number> {
      const { count } = await db
        .selectFrom("uploads")
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .executeTakeFirstOrThrow();
      return count;
    },

    /** Number of open sessions of an account (`null`: of clients without an account), counted up to `limit`. */
    async countOf(accountId: number | null, limit: number): Promise<number> {
      const { rows } = await sql<{ readonly count: number }>`
        SELECT count(*) AS count FROM (
          SELECT 1 FROM uploads WHERE ${isOf(accountId)} LIMIT ${limit}) AS counted`.execute(db);
      return rows[0]?.count ?? 0;
    },

    /** The session of an account with the oldest activity, if that was before `beforeMs`. */
    oldestOf: (accountId: number | null, beforeMs: number): Promise<UploadRow | undefined> =>
      db
        .selectFrom("uploads")
        .select(columns)
        .where(isOf(accountId))
        .where("touched_at", "<", beforeMs)
        .orderBy("touched_at")
        .limit(1)
        .executeTakeFirst(),

    /** The storage references of all open sessions and mirror downloads. */
    async storageReferences(): Promise<ReadonlySet<string>> {
      const rows = await db
        .selectFrom("uploads")
        .select("storage_reference")
        .unionAll(db.selectFrom("mirror_fetches").select("storage_reference"))
        .execute();
      return new Set(rows.map((row) => row.storage_reference));
    },
  };
}

const insertUpload = prepared((db, upload: Placeholders<NewUpload>) =>
  db
    .insertInto("uploads")
    .values({
      id: upload.id,
      repository: upload.repository,
      storage_reference: upload.storage_reference,
      started_at: upload.started_at,
      touched_at: upload.touched_at,
      account_id: upload.account_id,
    })
    .onConflict((conflict) => conflict.column("id").doNothing()),
);

/** Records a session; a second call with its id changes nothing. */
export async function startUpload(tx: Db, upload: NewUpload): Promise<void> {
  await insertUpload.execute(tx, upload);
}

export async function touchUpload(
  tx: Db,
  { id, nowMs }: { readonly id: string; readonly nowMs: number },
): Promise<void> {
  await tx.updateTable("uploads").set({ touched_at: nowMs }).where("id", "=", id).execute();
}

/** Deletes a session's row. False if it does not exist. */
export async function endUpload(tx: Db, { id }: { readonly id: string }): Promise<boolean> {
  const ended = await tx.deleteFrom("uploads").where("id", "=", id).executeTakeFirst();
  return ended.numDeletedRows > 0n;
}

interface ReserveUpload {
  readonly id: string;
  readonly repository: RepositoryName;
  /** The requested total size of the session, and the smallest size that is useful. */
  readonly sizeBytes: number;
  readonly atLeastBytes: number;
  /** The final digest of the session, if known. A blob that the namespace already has is not counted. */
  readonly digest: Digest | undefined;
  /** The limit if no row has one, in bytes; `null`: no limit. */
  readonly defaultBytes: number | null;
  readonly nowMs: number;
}

/**
 * Reserves quota for an open upload in its row before the bytes are written. So the sum over the rows is correct after
 * a crash, and two concurrent uploads cannot exceed a quota together. Returns the bytes that the session may have now,
 * or a rejection, of which only webhooks are told.
 */
export async function reserveUpload(tx: Db, asked: ReserveUpload): Promise<number | OverQuota> {
  const { id, sizeBytes, atLeastBytes, defaultBytes } = asked;
  const namespace = namespaceOf(asked.repository);
  const row = (await lockUploadAndQuota(tx, id, namespace)) ?? (await lockQuota(tx, namespace));
  if (row === undefined && defaultBytes === null) return sizeBytes;
  const quota = row ?? (await beginCounting(tx, namespace));
  const limitBytes = quota.limitBytes ?? defaultBytes;
  if (limitBytes === null || (await isStored(tx, namespace, asked.digest))) return sizeBytes;
  const usedBytes = quota.usedBytes + (await reservedBytes(tx, namespace, id));
  const granted = Math.min(sizeBytes, Math.max(0, limitBytes - usedBytes));
  if (granted < atLeastBytes) {
    const context = { actor: { name: "", peer: "" }, nowMs: asked.nowMs };
    await recordOverQuota(tx, context, { namespace, usedBytes, limitBytes });
    const sizes = { limitBytes, usedBytes, addedBytes: atLeastBytes };
    return { rejected: "quota", what: "upload", namespace, ...sizes };
  }
  await tx.updateTable("uploads").set({ reserved_bytes: granted }).where("id", "=", id).execute();
  return granted;
}

/** `undefined`: the upload or the quota does not exist. */
function lockUploadAndQuota(tx: Db, id: string, namespace: string): Promise<Quota | undefined> {
  const both = tx
    .selectFrom(["uploads", "quotas"])
    .select(["limit_bytes as limitBytes", "used_bytes as usedBytes"])
    .where("uploads.id", "=", id)
    .where("quotas.namespace", "=", namespace);
  const locks = [
    { mode: "change", table: "uploads" },
    { mode: "change", table: "quotas" },
  ] as const;
  return locked(tx, both, ...locks).executeTakeFirst();
}

async function isStored(tx: Db, namespace: string, digest?: Digest): Promise<boolean> {
  if (digest === undefined) return false;
  const blob = await tx
    .selectFrom("blobs")
    .select("id")
    .where("digest", "=", digest)
    .where(notDeleting)
    .executeTakeFirst();
  return blob !== undefined && (await isLinkedIn(tx, namespace, blob.id));
}
