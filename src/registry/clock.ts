/** Milliseconds since the epoch, passed in wherever behaviour depends on the time, so that a test can hold it still. */
export type Clock = () => number;

const minuteMs = 60_000;

/** How long what was just pushed, mounted or asked for by a pusher is kept, though no manifest names it yet. */
export const leaseMs = 60 * minuteMs;

/** A lease, and the last touch of an upload, are written again only when they move by this much. */
export const rewriteAfterMs = 15 * minuteMs;
