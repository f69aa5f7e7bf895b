import { setTimeout as pause } from "node:timers/promises";
import type { BlobStore } from "../../storage/blob-store.ts";
import type { Metadata } from "../database/database.ts";
import type { Clock } from "../registry/leases.ts";
import { markMissing, restoreMissing, type Warnings } from "../registry/missing-blobs.ts";
import { readBlob, type Reading } from "../registry/blob-verification.ts";

const blobsAtOnce = 32;

/** `restored`: it was marked as missing, and its bytes are right. */
export type Scrubbed = Omit<Reading, "state"> & { readonly state: Reading["state"] | "restored" };

/**
 * Reads blobs again, the longest unread first, until all have been read since the beginning. Wrong bytes are
 * quarantined: nobody sees them any more, and the next push of the digest heals it. Bytes that can't be read stay as
 * they are, since unknown means keep. Missing blobs are read first, and those that are right are shown again.
 */
export async function* scrub(parts: {
  readonly store: Pick<BlobStore, "stat" | "open">;
  readonly metadata: Pick<Metadata, "upkeep" | "run">;
  readonly clock: Clock;
  readonly report: Warnings;
  /** 0: as fast as it goes. */
  readonly bytesPerSecond: number;
}): AsyncGenerator<Scrubbed> {
  const { store, metadata, clock } = parts;
  const beganAtMs = clock();
  const pace = createPace(parts.bytesPerSecond);
  for await (const reading of restoreMissing({ ...parts, pace })) {
    if (reading.state === "whole") yield { ...reading, state: "restored" };
  }
  for (;;) {
    const blobs = await metadata.upkeep.leastRecentlyScrubbed(blobsAtOnce, beganAtMs);
    if (blobs.length === 0) return;
    const seen: number[] = [];
    for (const blob of blobs) {
      const reading = await readBlob(store, blob, pace);
      if (reading.state === "whole" || reading.state === "unreadable") seen.push(blob.id);
      else await markMissing(parts, blob, `scrub: ${reading.state}`);
      yield reading;
    }
    // A turn of the clock back must not make the rotation endless.
    const nowMs = Math.max(clock(), beganAtMs);
    if (seen.length > 0) await metadata.run("recordScrub", { ids: seen, nowMs });
  }
}

function createPace(bytesPerSecond: number): (bytes: number) => Promise<void> {
  if (bytesPerSecond === 0) return () => Promise.resolve();
  let nextMs = performance.now();
  return async (bytes) => {
    nextMs = Math.max(nextMs, performance.now()) + (bytes * 1_000) / bytesPerSecond;
    const wait = nextMs - performance.now();
    if (wait > 20) await pause(wait, undefined, { ref: false });
  };
}
