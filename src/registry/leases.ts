import type { Change, Lease } from "../database/registry/lease-times.ts";

/** Milliseconds since the epoch, passed in wherever behaviour depends on the time, so that a test can hold it still. */
export type Clock = () => number;

export interface LeaseTimes {
  /** What was just pushed, mounted or asked for by a pusher is kept this long, though no manifest names it yet. */
  readonly leaseMs: number;
  /** The collector looks at what an event may have freed only this long after the event. */
  readonly graceMs: number;
  /** The bytes of a collected blob stay in the store this long after its row is `deleting`. */
  readonly deleteDelayMs: number;
}

export interface LeasePolicy {
  /** What an event that happens now means to the collector. */
  newLease(): Lease;
  change(): Change;
  /** The bytes of blobs that were retired before this time may be deleted. */
  deletableBeforeMs(): number;
  /** When a lease that is written now ends; `undefined` while one that ends at `leasedUntilMs` is still long enough. */
  renewal(leasedUntilMs: number): number | undefined;
}

/** A lease, and the last touch of an upload, are written again only when they move by this much. */
export const rewriteAfterMs = 15 * 60_000;

export function createLeasePolicy(
  clock: Clock,
  { leaseMs, graceMs, deleteDelayMs }: LeaseTimes,
): LeasePolicy {
  const change = (): Change => {
    const nowMs = clock();
    return { nowMs, dueAtMs: nowMs + graceMs };
  };
  return {
    change,
    deletableBeforeMs: () => clock() - deleteDelayMs,
    newLease: () => {
      const event = change();
      return { ...event, leasedUntilMs: event.nowMs + leaseMs };
    },
    renewal: (leasedUntilMs) => {
      const ends = clock() + leaseMs;
      return leasedUntilMs < ends - Math.min(rewriteAfterMs, leaseMs / 4) ? ends : undefined;
    },
  };
}
