import type { RepositoryName } from "../../oci/name.ts";
import { storeBlob, type StoreBlob } from "../registry/store-blob.ts";
import type { Rejection } from "../rejections.ts";
import { dialectOf } from "../dialect.ts";
import { locked } from "../locks.ts";
import type { Db } from "../schema.ts";
import type { FetchReference } from "./schema.ts";

/** The row of a running fetch: a process, the owner, downloads a blob or a manifest into a mirror's repository. */
export interface MirrorFetch {
  readonly owner: string;
  /** The storage reference of the partial bytes; empty for a manifest. */
  readonly storageReference: string;
  readonly sizeBytes: number | null;
  readonly touchedAtMs: number;
}

/** The blob or manifest of a fetch: the key of its row. */
export interface FetchTarget {
  readonly repository: RepositoryName;
  readonly reference: FetchReference;
}

export function createMirrorFetchReads(db: Db) {
  return {
    find: (target: FetchTarget): Promise<MirrorFetch | undefined> =>
      selectFetch(db, target).executeTakeFirst(),

    /** Downloads whose process has sent no heartbeat since `beforeMs`. */
    idleSince: (beforeMs: number): Promise<readonly (FetchTarget & MirrorFetch)[]> =>
      db
        .selectFrom("mirror_fetches")
        .select([
          "repository",
          "reference",
          "owner",
          "storage_reference as storageReference",
          "size_bytes as sizeBytes",
          "touched_at as touchedAtMs",
        ])
        .where("touched_at", "<", beforeMs)
        .execute(),
  };
}

const selectFetch = (db: Db, { repository, reference }: FetchTarget) =>
  db
    .selectFrom("mirror_fetches")
    .select([
      "owner",
      "storage_reference as storageReference",
      "size_bytes as sizeBytes",
      "touched_at as touchedAtMs",
    ])
    .where("repository", "=", repository)
    .where("reference", "=", reference);

interface BeginMirrorFetch extends FetchTarget {
  readonly owner: string;
  readonly storageReference: string;
  readonly nowMs: number;
  /** A download whose process is gone: it is taken over, unless it had another heartbeat since. */
  readonly takesFrom: Pick<MirrorFetch, "owner" | "touchedAtMs"> | undefined;
}

export type MirrorFetchBegun =
  /** This process is the leader; `before` is the download of a gone process, if there was one. */
  | { readonly role: "leader"; readonly before: MirrorFetch | undefined }
  | { readonly role: "follower"; readonly fetch: MirrorFetch };

/** Starts or joins a download: of all processes that want the same blob, one is the leader. */
export async function beginMirrorFetch(tx: Db, begin: BeginMirrorFetch): Promise<MirrorFetchBegun> {
  const { repository, reference, owner, storageReference, nowMs, takesFrom } = begin;
  const row = { owner, storage_reference: storageReference, size_bytes: null, touched_at: nowMs };
  const lock = { mode: "change", table: "mirror_fetches" } as const;
  for (;;) {
    const inserted = await tx
      .insertInto("mirror_fetches")
      .values({ repository, reference, ...row })
      .onConflict((conflict) => conflict.columns(["repository", "reference"]).doNothing())
      .executeTakeFirst();
    if ((inserted.numInsertedOrUpdatedRows ?? 0n) > 0n)
      return { role: "leader", before: undefined };
    const before = await locked(tx, selectFetch(tx, begin), lock).executeTakeFirst();
    // Another process has ended the fetch between the two statements.
    if (before === undefined) continue;
    const isGone =
      before.owner === takesFrom?.owner && before.touchedAtMs === takesFrom.touchedAtMs;
    if (before.owner !== owner && !isGone) return { role: "follower", fetch: before };
    await tx
      .updateTable("mirror_fetches")
      .set(row)
      .where("repository", "=", repository)
      .where("reference", "=", reference)
      .execute();
    // A repeated command finds its own row.
    const isOwnRow = before.owner === owner && before.storageReference === storageReference;
    return { role: "leader", before: isOwnRow ? undefined : before };
  }
}

interface TouchMirrorFetch extends FetchTarget {
  readonly owner: string;
  readonly sizeBytes: number | null;
  readonly nowMs: number;
}

/** Heartbeat of the leader. False: another process has taken the download over, or it has ended. */
export async function touchMirrorFetch(tx: Db, touch: TouchMirrorFetch): Promise<boolean> {
  const touched = await tx
    .updateTable("mirror_fetches")
    .set({ touched_at: touch.nowMs, size_bytes: touch.sizeBytes })
    .where("repository", "=", touch.repository)
    .where("reference", "=", touch.reference)
    .where("owner", "=", touch.owner)
    .executeTakeFirst();
  return touched.numUpdatedRows > 0n;
}

/** Deletes a download. False: another process has taken it over, or it has ended. */
export async function endMirrorFetch(
  tx: Db,
  { repository, reference, owner }: FetchTarget & { readonly owner: string },
): Promise<boolean> {
  const ended = await tx
    .deleteFrom("mirror_fetches")
    .where("repository", "=", repository)
    .where("reference", "=", reference)
    .where("owner", "=", owner)
    .executeTakeFirst();
  return ended.numDeletedRows > 0n;
}

/** Records the downloaded blob and ends the download in one transaction, so that a follower finds one or the other. */
export async function storeMirrorBlob(
  tx: Db,
  { owner, ...blob }: StoreBlob & { readonly owner: string },
): Promise<"stored" | "duplicate" | "gone" | Rejection> {
  await endMirrorFetch(tx, { repository: blob.repository, reference: blob.digest, owner });
  return await storeBlob(tx, blob);
}

/** A process that downloads into mirrors. */
export interface MirrorProcess {
  readonly owner: string;
  readonly seenAtMs: number;
}

export function createMirrorProcessReads(db: Db) {
  return {
    othersThan: (owner: string): Promise<readonly MirrorProcess[]> =>
      db
        .selectFrom("mirror_processes")
        .select(["owner", "seen_at as seenAtMs"])
        .where("owner", "<>", owner)
        .execute(),
  };
}

/** Records the heartbeat of a process. */
export async function seeMirrorProcess(
  tx: Db,
  { owner, nowMs }: { readonly owner: string; readonly nowMs: number },
): Promise<void> {
  await tx
    .insertInto("mirror_processes")
    .values({ owner, seen_at: nowMs })
    .onConflict((conflict) => conflict.column("owner").doUpdateSet({ seen_at: nowMs }))
    .execute();
}

/** Deletes the rows of processes that are gone. */
export async function forgetMirrorProcesses(
  tx: Db,
  { owners }: { readonly owners: readonly string[] },
): Promise<void> {
  await tx.deleteFrom("mirror_processes").where(dialectOf(tx).isOneOf("owner", owners)).execute();
}
