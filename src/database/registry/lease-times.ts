/** A lease: the collector keeps the blob or manifest until it expires. Times are in milliseconds since the epoch. */
export interface Lease extends Change {
  /** The collector does not delete it before this time. */
  readonly leasedUntilMs: number;
}

/** An event that may remove the reason to keep a blob or manifest. */
export interface Change {
  readonly nowMs: number;
  /** When the candidate is due: the collector checks it at this time or later. */
  readonly dueAtMs: number;
}
