import { setTimeout as pause } from "node:timers/promises";
import type { BlobStore } from "../../storage/blob-store.ts";
import type { Database } from "../database/database.ts";
import type { Clock } from "../registry/leases.ts";
import { markMissing, restoreMissing, type Warnings } from "../registry/missing-blobs.ts";
import { verifyBlob, type BlobVerification } from "../registry/blob-verification.ts";

const blobsAtOnce = 32;

/** `restored`: it was marked as missing, and its bytes are right. */
export type Scrubbed = Omit<BlobVerification, "state"> & {
  readonly state: BlobVerification["state"] | "restored";
};

/**
 * Reads blobs again, the longest unread first, until all have been read since the beginning. Wrong bytes are
 * quarantined: nobody sees them any more, and the next push of the digest heals it. Bytes that can't be read stay as
 * they are, since unknown means keep. Missing blobs are read first, and those that are right are shown again.
 */
export async function* scrub(parts: {
  readonly store: Pick<BlobStore, "stat" | "open">;
  readonly database: Pick<Database, "maintenance" | "run">;
  readonly clock: Clock;
  readonly report: Warnings;
  /** 0: as fast as it goes. */
  readonly bytesPerSecond: number;
}): AsyncGenerator<Scrubbed> {
  const { store, database, clock } = parts;
  const beganAtMs = clock();
  const throttle = createThrottle(parts.bytesPerSecond);
  for await (const verification of restoreMissing({ ...parts, throttle })) {
    if (verification.state === "whole") yield { ...verification, state: "restored" };
  }
  for (;;) {
    const blobs = await database.maintenance.leastRecentlyScrubbed(blobsAtOnce, beganAtMs);
    if (blobs.length === 0) return;
    const seen: number[] = [];
    for (const blob of blobs) {
      const verification = await verifyBlob(store, blob, throttle);
      if (verification.state === "whole" || verification.state === "unreadable") seen.push(blob.id);
      else await markMissing(parts, blob, `scrub: ${verification.state}`);
      yield verification;
    }
    // A turn of the clock back must not make the rotation endless.
    const nowMs = Math.max(clock(), beganAtMs);
    if (seen.length > 0) await database.run("recordScrub", { ids: seen, nowMs });
  }
}

function createThrottle(bytesPerSecond: number): (bytes: number) => Promise<void> {
  if (bytesPerSecond === 0) return () => Promise.resolve();
  let nextMs = performance.now();
  return async (bytes) => {
    nextMs = Math.max(nextMs, performance.now()) + (bytes * 1_000) / bytesPerSecond;
    const wait = nextMs - performance.now();
    if (wait > 20) await pause(wait, undefined, { ref: false });
  };
}
