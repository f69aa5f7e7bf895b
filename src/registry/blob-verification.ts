import type { BlobStore } from "../../storage/blob-store.ts";
import type { StoredBlob } from "../database/maintenance/checks.ts";
import { algorithmOf, createDigester } from "../oci/digest.ts";

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
