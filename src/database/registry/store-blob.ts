import { sql, type RawBuilder } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import { namespaceOf } from "../../oci/name.ts";
import type { Lease } from "../maintenance/gc-candidates.ts";
import { locked } from "../locks.ts";
import { prepared, type Placeholders } from "../prepared.ts";
import { isLive, isMissing, notDeleting } from "../query-parts.ts";
import { isRejection, type Rejection } from "../rejections.ts";
import type { Db } from "../schema.ts";
import { linkBlob, linkedBlob } from "./blobs.ts";
import { lockForPush, openForPush, type Push } from "./repository-creation.ts";
import type { UploadRow } from "./schema.ts";

export interface StoreBlob extends Lease, Push {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly storageKey: string;
  /** The upload session of the blob; it ends with this command. */
  readonly uploadId?: string | undefined;
}

/**
 * Records bytes that are durable in the store, links them in the repository and ends the upload. `duplicate`: the
 * digest already existed, and the link points at the earlier bytes. `gone`: another request has ended the upload.
 *
 * The caller deletes the bytes under `storageKey` unless the result is `stored`. A repeated command therefore returns
 * the first result: `stored` as long as a row has this `storageKey`. A rejection changes nothing; the upload stays
 * open.
 */
export async function storeBlob(
  tx: Db,
  blob: StoreBlob,
): Promise<"stored" | "duplicate" | "gone" | Rejection> {
  const home = await lockForPush(tx, blob);
  const { known, hasQuota } = await lockKnown(tx, blob);
  if (known?.storageKey === blob.storageKey) return "stored";
  const ended = await takeUpload(tx, blob.uploadId);
  if (ended === "gone") return await answerWithoutUpload(tx, blob);
  const item = { what: "blob", blobId: known?.id, sizeBytes: blob.sizeBytes } as const;
  const opened = await openForPush(tx, blob, home, { hasQuota, item });
  if (isRejection(opened)) {
    if (ended !== undefined) await tx.insertInto("uploads").values(ended).execute();
    return opened;
  }
  const { repositoryId } = opened;
  if (known !== undefined && known.state === "live") {
    await linkBlob(tx, repositoryId, known.id, blob);
    return "duplicate";
  }
  const blobId = known === undefined ? await insertBlob(tx, blob) : known.id;
  // The row is `missing`: the new bytes repair it in every repository that links it.
  if (known !== undefined) await replaceBytes(tx, known.id, blob);
  await linkBlob(tx, repositoryId, blobId, blob);
  return "stored";
}

interface KnownBlob {
  readonly id: number;
  readonly state: "live" | "missing" | "deleting";
  readonly storageKey: string;
}

const selectBlob = (db: Db, digest: RawBuilder<Digest>) =>
  db.selectFrom("blobs").where("digest", "=", digest).where(notDeleting);

const lockLive = prepared(
  (db, { digest, namespace }: Placeholders<{ digest: Digest; namespace: string }>) => {
    const withDigest = selectBlob(db, digest);
    const blob = withDigest.select(["id", "state", "storage_key as storageKey"]).where(isLive);
    const live = locked(db, blob, { mode: "share", table: "blobs" });
    return db
      .selectFrom(sql`(SELECT 1)`.as("one_row"))
      .leftJoin(live.as("live"), (join) => join.onTrue())
      .leftJoin("quotas", (join) => join.on("quotas.namespace", "=", namespace))
      .select(["live.id as id", "live.state as state", "live.storageKey as storageKey"])
      .select(withDigest.select("id").where(isMissing).as("missingId"))
      .select("quotas.namespace as quota");
  },
);

const lockMissing = prepared((db, { digest }: Placeholders<{ digest: Digest }>) => {
  const blob = selectBlob(db, digest).select(["id", "state", "storage_key as storageKey"]);
  return locked(db, blob, { mode: "remove", table: "blobs" });
});

/** Finds and locks the blob of a digest, and tells whether the namespace has a quota. */
async function lockKnown(
  tx: Db,
  { repository, digest }: StoreBlob,
): Promise<{ readonly known: KnownBlob | undefined; readonly hasQuota: boolean }> {
  const namespace = namespaceOf(repository);
  const found = await lockLive.executeTakeFirstOrThrow(tx, { digest, namespace });
  const { quota, missingId, ...known } = found;
  const hasQuota = quota !== null;
  // Two pushes that repair a blob: the second one waits here, and then finds it live.
  if (missingId !== null)
    return { known: await lockMissing.executeTakeFirst(tx, { digest }), hasQuota };
  return { known: known.id === null ? undefined : (known as KnownBlob), hasQuota };
}

const uploadColumns = [
  ...["id", "repository", "storage_reference", "started_at", "touched_at", "account_id"],
  ...["reserved_bytes", "holder", "held_until", "wanted"],
] as const;

const deleteUpload = prepared((db, { id }: Placeholders<{ id: string }>) =>
  db.deleteFrom("uploads").where("id", "=", id).returning(uploadColumns),
);

/** Deletes the row of an upload and returns it; `undefined` without an id, `gone` if there is no such row. */
async function takeUpload(tx: Db, id: string | undefined): Promise<UploadRow | "gone" | undefined> {
  if (id === undefined) return undefined;
  return (await deleteUpload.executeTakeFirst(tx, { id })) ?? "gone";
}

/**
 * The result of `storeBlob` if the upload has no row: the command has run before, or another request has ended the
 * upload.
 */
async function answerWithoutUpload(
  tx: Db,
  { storageKey, repository, digest }: StoreBlob,
): Promise<"stored" | "duplicate" | "gone"> {
  const ours = await tx
    .selectFrom("blobs")
    .select("id")
    .where("storage_key", "=", storageKey)
    .executeTakeFirst();
  // The blob was stored and has been marked deleting since: the collector deletes its bytes.
  if (ours !== undefined) return "stored";
  return (await linkedBlob(tx, repository, digest)) === undefined ? "gone" : "duplicate";
}

type NewBlob = Pick<StoreBlob, "digest" | "sizeBytes" | "storageKey" | "nowMs">;

const insertRow = prepared((db, { digest, sizeBytes, storageKey, nowMs }: Placeholders<NewBlob>) =>
  db
    .insertInto("blobs")
    .values({ digest, size_bytes: sizeBytes, storage_key: storageKey, created_at: nowMs })
    .returning("id"),
);

async function insertBlob(tx: Db, blob: StoreBlob): Promise<number> {
  const { id } = await insertRow.executeTakeFirstOrThrow(tx, blob);
  return id;
}

async function replaceBytes(tx: Db, id: number, blob: StoreBlob): Promise<void> {
  await tx
    .updateTable("blobs")
    .set({
      state: "live",
      storage_key: blob.storageKey,
      size_bytes: blob.sizeBytes,
      created_at: blob.nowMs,
      scrubbed_at: 0,
    })
    .where("id", "=", id)
    .execute();
}
