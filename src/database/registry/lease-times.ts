/** How long something is kept, whatever the collector thinks of it; times in milliseconds since the epoch. */
export interface Lease extends Change {
  /** Nothing takes it before this. */
  readonly leasedUntilMs: number;
}

/** An event that may take away what kept something. */
export interface Change {
  readonly nowMs: number;
  /** The collector looks at it then, and not before. */
  readonly dueAtMs: number;
}
