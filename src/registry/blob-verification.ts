import type { BlobStore } from "../../storage/blob-store.ts";
import type { Database } from "../database/contract.ts";
import type { StoredBlob } from "../database/maintenance/checks.ts";
import { algorithmOf, createDigester, type Digest } from "../oci/digest.ts";

/** Pages of blobs, ordered by row id. */
export type BlobPages = (page: {
  readonly after: number;
  readonly limit: number;
}) => Promise<readonly StoredBlob[]>;

export interface SizeCheck {
  readonly blob: StoredBlob;
  readonly state: "whole" | "absent" | "wrong-size";
}

const atOnce = 16;
const rowsAtOnce = 256;

/** Compares the size of every blob row with its object in the store, 16 blobs concurrently. */
export async function* checkBlobSizes(parts: {
  readonly store: Pick<BlobStore, "stat">;
  readonly blobs: BlobPages;
}): AsyncGenerator<SizeCheck> {
  let after = 0;
  for (;;) {
    const rows = await parts.blobs({ after, limit: rowsAtOnce });
    for (let start = 0; start < rows.length; start += atOnce) {
      yield* await Promise.all(
        rows.slice(start, start + atOnce).map((blob) => checkSize(parts.store, blob)),
      );
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < rowsAtOnce) return;
    after = last.id;
  }
}

async function checkSize(store: Pick<BlobStore, "stat">, blob: StoredBlob): Promise<SizeCheck> {
  const found = await store.stat(blob.storageKey);
  if (found === undefined) return { blob, state: "absent" };
  return { blob, state: found.sizeBytes === blob.sizeBytes ? "whole" : "wrong-size" };
}

export interface BlobVerification {
  readonly blob: StoredBlob;
  /** `unreadable`: the read failed, so the blob's state is unknown. The caller does not change the blob. */
  readonly state: "whole" | "absent" | "wrong-size" | "wrong-digest" | "unreadable";
  readonly error?: unknown;
}

/**
 * Reads a blob completely and compares its digest. Calls `throttle` with the size of every chunk in bytes. Every error
 * results in the state `unreadable`.
 */
export async function verifyBlob(
  store: Pick<BlobStore, "stat" | "open">,
  blob: StoredBlob,
  throttle: (bytes: number) => Promise<void>,
): Promise<BlobVerification> {
  try {
    const { state } = await checkSize(store, blob);
    if (state !== "whole") return { blob, state };
    const bytes = await store.open(blob.storageKey);
    if (bytes === undefined) return { blob, state: "absent" };
    const digester = createDigester(algorithmOf(blob.digest));
    for await (const chunk of bytes) {
      digester.update(chunk);
      await throttle(chunk.length);
    }
    return { blob, state: digester.digest() === blob.digest ? "whole" : "wrong-digest" };
  } catch (error) {
    return { blob, state: "unreadable", error };
  }
}

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
  parts: { readonly database: Pick<Database, "commands">; readonly report: Warnings },
  blob: { readonly digest: Digest; readonly storageKey: string },
  reason: string,
): Promise<void> {
  const { digest, storageKey } = blob;
  const isChanged = await parts.database.commands.quarantineBlob({ storageKey });
  if (!isChanged) return;
  parts.report.warn(
    { digest, storageKey, reason },
    "a blob is marked as missing; push it again, or bring its file back and run berth check --repair",
  );
}

const missingAtOnce = 64;

/**
 * Reads the bytes of every blob that is marked `missing`, and restores the blob if the bytes have its digest. Yields
 * each blob that it has read: `whole` = restored; every other state = still missing. Calls `throttle` with the size of
 * every chunk in bytes.
 */
export async function* restoreMissing(parts: {
  readonly store: Pick<BlobStore, "stat" | "open">;
  readonly database: Pick<Database, "maintenance" | "commands">;
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
  {
    database,
    report,
  }: { readonly database: Pick<Database, "commands">; readonly report: Warnings },
  { digest, storageKey }: StoredBlob,
): Promise<void> {
  const isChanged = await database.commands.restoreBlob({ storageKey });
  if (isChanged)
    report.warn(
      { digest, storageKey },
      "the bytes of a missing blob are back: clients can pull it again",
    );
}

/** The blobs that are marked `missing`, ordered by row id. */
export async function* missingBlobs(
  database: Pick<Database, "maintenance">,
): AsyncGenerator<StoredBlob> {
  let after = 0;
  for (;;) {
    const rows = await database.maintenance.missing({ after, limit: missingAtOnce });
    for (const blob of rows) {
      after = blob.id;
      yield blob;
    }
    if (rows.length < missingAtOnce) return;
  }
}
