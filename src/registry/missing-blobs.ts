import type { BlobStore } from "../../storage/blob-store.ts";
import type { Database } from "../database/database.ts";
import type { StoredBlob } from "../database/maintenance/checks.ts";
import type { Digest } from "../oci/digest.ts";
import { verifyBlob, type BlobVerification } from "./blob-verification.ts";

/** The target of warnings; a logger has this interface. */
export interface Warnings {
  warn(facts: object, message: string): void;
}

/**
 * Marks a blob as `missing` if the store has no bytes or wrong bytes. The registry then responds 404 for its digest, so
 * that a client that checks before it pushes sends the bytes again. Logs each change once, with the digest. Only
 * {@link restoreMissing} or a push reverts the mark.
 */
export async function markMissing(
  parts: { readonly database: Pick<Database, "run">; readonly report: Warnings },
  blob: { readonly digest: Digest; readonly storageKey: string },
  reason: string,
): Promise<void> {
  const { digest, storageKey } = blob;
  const isChanged = await parts.database.run("quarantineBlob", { storageKey });
  if (!isChanged) return;
  parts.report.warn(
    { digest, storageKey, reason },
    "a blob is marked as missing; push it again, or bring its file back and run berth check --repair",
  );
}

const rowsAtOnce = 64;

/**
 * Reads the bytes of every blob that is marked `missing`, and restores the blob if the bytes have its digest. Yields
 * each blob that it has read: `whole` = restored; every other state = still missing. Calls `throttle` with the size of
 * every chunk in bytes.
 */
export async function* restoreMissing(parts: {
  readonly store: Pick<BlobStore, "stat" | "open">;
  readonly database: Pick<Database, "maintenance" | "run">;
  readonly report: Warnings;
  readonly throttle?: (bytes: number) => Promise<void>;
}): AsyncGenerator<BlobVerification> {
  const { store, database, report, throttle = () => Promise.resolve() } = parts;
  for await (const blob of missingBlobs(database)) {
    const verification = await verifyBlob(store, blob, throttle);
    if (verification.state === "whole") await restore({ database, report }, blob);
    yield verification;
  }
}

/** Restores a missing blob whose bytes the caller has verified. */
export async function restore(
  { database, report }: { readonly database: Pick<Database, "run">; readonly report: Warnings },
  { digest, storageKey }: StoredBlob,
): Promise<void> {
  const isChanged = await database.run("restoreBlob", { storageKey });
  if (isChanged) report.warn({ digest, storageKey }, "a missing blob is back, and is shown again");
}

/** The blobs that are marked `missing`, ordered by row id. */
export async function* missingBlobs(
  database: Pick<Database, "maintenance">,
): AsyncGenerator<StoredBlob> {
  let after = 0;
  for (;;) {
    const rows = await database.maintenance.missing({ after, limit: rowsAtOnce });
    for (const blob of rows) {
      after = blob.id;
      yield blob;
    }
    if (rows.length < rowsAtOnce) return;
  }
}
