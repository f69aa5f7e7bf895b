import type { BlobStore } from "../../storage/blob-store.ts";
import type { Database } from "../database/contract.ts";
import type { StoredBlob } from "../database/maintenance/checks.ts";
import { verified } from "./backup/transfer.ts";
import { MismatchError, movedMark } from "./recovery.ts";

export interface Copied {
  readonly blob: StoredBlob;
  /**
   * `there`: an earlier run copied it. `gone`: it was deleted during this run. `failed`: the target keeps no bytes of
   * it.
   */
  readonly state: "copied" | "there" | "gone" | "failed";
  readonly error?: unknown;
}

const atOnce = 4;
const rowsAtOnce = 256;

/**
 * Copies every blob to another store, under the key in its row, so that the rows are valid for both stores: a server
 * that starts with the other store finds all blobs. Verifies the digest of each blob during the copy; the target keeps
 * no wrong bytes. Blobs that the target has in the right size are skipped, so that a run continues an interrupted one,
 * and a final run after the server has stopped is short. Throws {@link MismatchError} if the other store belongs to
 * another database.
 */
export async function* copyBlobs(parts: {
  readonly from: Pick<BlobStore, "stat" | "open">;
  readonly to: BlobStore;
  readonly database: Pick<Database, "instance" | "maintenance">;
}): AsyncGenerator<Copied> {
  const { to, database } = parts;
  await claimFor(parts);
  let after = 0;
  for (;;) {
    const rows = await database.maintenance.blobs({ after, limit: rowsAtOnce });
    for (let start = 0; start < rows.length; start += atOnce) {
      const batch = rows.slice(start, start + atOnce);
      yield* await Promise.all(batch.map((blob) => copy(parts.from, to, blob)));
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.id;
  }
}

/**
 * Marks the source store as moved, so that no server starts with it by mistake: it would mark every newer blob as
 * missing. Call it only while no server uses the database.
 */
export async function markStoreMoved(parts: {
  readonly store: Pick<BlobStore, "claim">;
  readonly database: Pick<Database, "instance">;
}): Promise<void> {
  const row = await parts.database.instance.get();
  if (row !== undefined) await parts.store.claim(movedMark(row.id));
}

async function claimFor({
  to,
  database,
}: {
  readonly to: BlobStore;
  readonly database: Pick<Database, "instance">;
}): Promise<void> {
  const row = await database.instance.get();
  const mark = await to.identity();
  if (row === undefined)
    throw new MismatchError('no server has run on this database yet: start "berth serve" once');
  if (mark === row.id) return;
  if (mark !== undefined && mark !== movedMark(row.id))
    throw new MismatchError("the target store belongs to another database: use an empty store");
  await to.claim(row.id);
}

async function copy(
  from: Pick<BlobStore, "stat" | "open">,
  to: BlobStore,
  blob: StoredBlob,
): Promise<Copied> {
  const { storageKey, sizeBytes, digest } = blob;
  try {
    if ((await to.stat(storageKey))?.sizeBytes === sizeBytes) return { blob, state: "there" };
    const bytes = await from.open(storageKey);
    if (bytes === undefined) return { blob, state: "gone" };
    await to.importBlob(storageKey, verified(bytes, digest));
    return { blob, state: "copied" };
  } catch (error) {
    return { blob, state: "failed", error };
  }
}
