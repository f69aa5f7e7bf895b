import type { RepositoryName } from "../../oci/name.ts";
import type { FetchReference } from "./schema.ts";
import { storeBlob, type StoreBlob } from "../registry/store-blob.ts";
import type { Rejection } from "../rejections.ts";
import type { Db } from "../schema.ts";

/** A blob or a manifest that somebody is bringing into a repository of a mirror. */
export interface MirrorFetch {
  readonly owner: string;
  /** Where its bytes gather; empty for a manifest. */
  readonly storageReference: string;
  readonly sizeBytes: number | null;
  readonly touchedAtMs: number;
}

interface Place {
  readonly repository: RepositoryName;
  readonly reference: FetchReference;
}

export function createMirrorFetchReads(db: Db) {
  return {
    find: (place: Place): Promise<MirrorFetch | undefined> => findFetch(db, place),

    /** Those whose owner has not been heard of since. */
    idleSince: (beforeMs: number): Promise<readonly (Place & MirrorFetch)[]> =>
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

function findFetch(db: Db, { repository, reference }: Place): Promise<MirrorFetch | undefined> {
  return db
    .selectFrom("mirror_fetches")
    .select([
      "owner",
      "storage_reference as storageReference",
      "size_bytes as sizeBytes",
      "touched_at as touchedAtMs",
    ])
    .where("repository", "=", repository)
    .where("reference", "=", reference)
    .executeTakeFirst();
}

export interface BeginMirrorFetch extends Place {
  readonly owner: string;
  readonly storageReference: string;
  readonly nowMs: number;
  /** An owner that is known to have died. */
  readonly takesFrom: string | undefined;
}

export type MirrorFetchBegun =
  /** It is ours; `before` is what a dead owner has left. */
  | { readonly role: "leader"; readonly before: MirrorFetch | undefined }
  | { readonly role: "follower"; readonly fetch: MirrorFetch };

/** One of all that want the same blob becomes its leader. */
async function beginMirrorFetch(tx: Db, begin: BeginMirrorFetch): Promise<MirrorFetchBegun> {
  const { repository, reference, owner, storageReference, nowMs } = begin;
  const before = await findFetch(tx, begin);
  if (before !== undefined && before.owner !== owner && before.owner !== begin.takesFrom)
    return { role: "follower", fetch: before };
  const row = { owner, storage_reference: storageReference, size_bytes: null, touched_at: nowMs };
  await tx
    .insertInto("mirror_fetches")
    .values({ repository, reference, ...row })
    .onConflict((conflict) => conflict.columns(["repository", "reference"]).doUpdateSet(row))
    .execute();
  return { role: "leader", before };
}

export interface TouchMirrorFetch extends Place {
  readonly owner: string;
  readonly sizeBytes: number | null;
  readonly nowMs: number;
}

/** The owner lives. False: it is somebody else's by now. */
async function touchMirrorFetch(tx: Db, touch: TouchMirrorFetch): Promise<boolean> {
  const touched = await tx
    .updateTable("mirror_fetches")
    .set({ touched_at: touch.nowMs, size_bytes: touch.sizeBytes })
    .where("repository", "=", touch.repository)
    .where("reference", "=", touch.reference)
    .where("owner", "=", touch.owner)
    .executeTakeFirst();
  return touched.numUpdatedRows > 0n;
}

/** Forgets a fetch. False: it is somebody else's by now, or nobody's. */
async function endMirrorFetch(
  tx: Db,
  { repository, reference, owner }: Place & { readonly owner: string },
): Promise<boolean> {
  const ended = await tx
    .deleteFrom("mirror_fetches")
    .where("repository", "=", repository)
    .where("reference", "=", reference)
    .where("owner", "=", owner)
    .executeTakeFirst();
  return ended.numDeletedRows > 0n;
}

/** Records what a fetch has brought and ends it, so that who follows finds either the one or the other. */
async function storeMirrorBlob(
  tx: Db,
  { owner, ...blob }: StoreBlob & { readonly owner: string },
): Promise<"stored" | "duplicate" | "gone" | Rejection> {
  await endMirrorFetch(tx, { repository: blob.repository, reference: blob.digest, owner });
  return await storeBlob(tx, blob);
}

export const mirrorFetchCommands = {
  beginMirrorFetch,
  touchMirrorFetch,
  endMirrorFetch,
  storeMirrorBlob,
};
