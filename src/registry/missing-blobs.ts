import type { BlobStore } from "../../storage/blob-store.ts";
import type { Database } from "../database/database.ts";
import type { StoredBlob } from "../database/maintenance/checks.ts";
import type { Digest } from "../oci/digest.ts";
import { verifyBlob, type BlobVerification } from "./blob-verification.ts";

/** Where warnings go; a logger fits. */
export interface Warnings {
  warn(facts: object, message: string): void;
}

/**
 * A blob whose bytes the store does not have, or has wrong, is marked `missing`: its digest is answered with 404, so
 * that a client which asks before it pushes sends the bytes again. Logged once per change, with the digest. Only
 * {@link restoreMissing} or a push undo it.
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
 * Reads the bytes of every blob that is marked `missing`; where they are there and have the digest, the blob is shown
 * again. Yields each blob that it has looked at: `whole` means restored, everything else that it stays missing.
 * `throttle` is called with the size of every chunk.
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

/** Shows a blob again whose bytes have been read and are right. */
export async function restore(
  { database, report }: { readonly database: Pick<Database, "run">; readonly report: Warnings },
  { digest, storageKey }: StoredBlob,
): Promise<void> {
  const isChanged = await database.run("restoreBlob", { storageKey });
  if (isChanged) report.warn({ digest, storageKey }, "a missing blob is back, and is shown again");
}

/** Blobs that are marked `missing`, in the order of their rows. */
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
