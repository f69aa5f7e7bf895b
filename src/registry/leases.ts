import type { EventTimes, Lease } from "../database/maintenance/gc-candidates.ts";

/**
 * The time in milliseconds since the epoch. Code that depends on the time gets a clock, so that a test can fix the
 * time.
 */
export type Clock = () => number;

export interface LeaseTimes {
  /**
   * The lease of an item that a client pushed or mounted, or for which a pusher sent HEAD. Within this time the
   * collector keeps the item, even if no manifest names it.
   */
  readonly leaseMs: number;
  /** The collector checks the items that an event may have freed only this long after the event. */
  readonly graceMs: number;
  /** The store keeps the bytes of a collected blob for this long after its row became `deleting`. */
  readonly deleteDelayMs: number;
}

export interface LeasePolicy {
  /** The lease for an event at the current time. */
  newLease(): Lease;
  eventTimes(): EventTimes;
  /** The store may delete the bytes of blobs that became `deleting` before this time. */
  deletableBeforeMs(): number;
  /**
   * The end of a lease that is written now; `undefined` if a lease that ends at `leasedUntilMs` is still long enough.
   */
  renewal(leasedUntilMs: number): number | undefined;
}

/**
 * A lease, and the last use of an upload, are written again only after they change by 15 minutes (a lease of less than
 * one hour: by a quarter of its length).
 */
export const rewriteAfterMs = 15 * 60_000;

export function createLeasePolicy(
  clock: Clock,
  { leaseMs, graceMs, deleteDelayMs }: LeaseTimes,
): LeasePolicy {
  const eventTimes = (): EventTimes => {
    const nowMs = clock();
    return { nowMs, dueAtMs: nowMs + graceMs };
  };
  return {
    eventTimes,
    deletableBeforeMs: () => clock() - deleteDelayMs,
    newLease: () => {
      const times = eventTimes();
      return { ...times, leasedUntilMs: times.nowMs + leaseMs };
    },
    renewal: (leasedUntilMs) => {
      const ends = clock() + leaseMs;
      return leasedUntilMs < ends - Math.min(rewriteAfterMs, leaseMs / 4) ? ends : undefined;
    },
  };
}
