import { setTimeout as pause } from "node:timers/promises";
import type { BlobStore } from "../../storage/blob-store.ts";
import type { RunningJob } from "../coordination/job-run.ts";
import type { Database } from "../database/contract.ts";
import type { Clock } from "../registry/leases.ts";
import {
  markMissing,
  restoreMissing,
  verifyBlob,
  type BlobVerification,
  type Warnings,
} from "../registry/blob-verification.ts";

const blobsAtOnce = 32;

/** `restored`: the blob was marked as missing, and its bytes are correct. */
export type Scrubbed = Omit<BlobVerification, "state"> & {
  readonly state: BlobVerification["state"] | "restored";
};

/**
 * Reads all blobs again, least recently scrubbed first, until each has been read since the start of the run. Blobs with
 * wrong bytes are quarantined: clients get 404, and the next push of the digest repairs the blob. Blobs that cannot be
 * read are not changed, because their state is unknown. Missing blobs are read first; those with correct bytes are
 * restored.
 */
export async function* scrub(parts: {
  readonly store: Pick<BlobStore, "stat" | "open">;
  readonly database: Pick<Database, "maintenance" | "commands">;
  readonly clock: Clock;
  readonly report: Warnings;
  /** 0: no limit. */
  readonly bytesPerSecond: number;
  /** After its end the scrub reads the current blob without a limit, so that a stop does not wait for it. */
  readonly signal?: AbortSignal;
}): AsyncGenerator<Scrubbed> {
  const { store, database, clock } = parts;
  const beganAtMs = clock();
  const throttle = createThrottle(parts.bytesPerSecond, parts.signal);
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
    // If the clock is set back, an earlier `scrubbed_at` would select the same blobs again without end.
    const nowMs = Math.max(clock(), beganAtMs);
    if (seen.length > 0) await database.commands.recordScrub({ ids: seen, nowMs });
  }
}

/** The numbers of blobs and bytes that a scrub has read, and the blobs in each bad or restored state. */
export interface ScrubStats {
  blobs: number;
  bytes: number;
  restored: number;
  quarantined: number;
  unreadable: number;
}

/**
 * Passes the blobs of a scrub on. Tells `job` the sums, and each blob whose bytes are not as before. Calls `done` with the
 * sums when all blobs were read.
 */
export async function* withScrubStats(
  blobs: AsyncIterable<Scrubbed>,
  job: Pick<RunningJob, "count" | "find"> | undefined,
  done: (stats: Readonly<ScrubStats>) => void = () => undefined,
): AsyncGenerator<Scrubbed> {
  const stats: ScrubStats = { blobs: 0, bytes: 0, restored: 0, quarantined: 0, unreadable: 0 };
  job?.count({ ...stats });
  for await (const scrubbed of blobs) {
    const { blob, state, error } = scrubbed;
    stats.blobs += 1;
    stats.bytes += blob.sizeBytes;
    if (state === "unreadable" || state === "restored") stats[state] += 1;
    else if (state !== "whole") stats.quarantined += 1;
    job?.count({ ...stats });
    if (state !== "whole") {
      const message = state === "unreadable" ? String(error) : undefined;
      job?.find({ kind: state, digest: blob.digest, message });
    }
    yield scrubbed;
  }
  done(stats);
}

function createThrottle(
  bytesPerSecond: number,
  signal: AbortSignal | undefined,
): (bytes: number) => Promise<void> {
  if (bytesPerSecond === 0) return () => Promise.resolve();
  let nextMs = performance.now();
  return async (bytes) => {
    nextMs = Math.max(nextMs, performance.now()) + (bytes * 1_000) / bytesPerSecond;
    const wait = nextMs - performance.now();
    if (wait <= 20 || signal?.aborted === true) return;
    const options = { ref: false, ...(signal === undefined ? {} : { signal }) };
    // The end of the signal rejects.
    await pause(wait, undefined, options).catch(() => undefined);
  };
}
