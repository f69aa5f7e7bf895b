/** The counters of one mirror. `berth mirror status --json` prints these names. */
export const counterNames = [
  "hits",
  "misses",
  "stale",
  "bytesFetched",
  "bytesServed",
  "upstreamRequests",
  "upstreamFailures",
  "upstreamLimited",
  "evictedBlobs",
  "evictedBytes",
] as const;
/**
 * What an upstream has told about its limit, as a mirror writes it beside its counters: the limit and what is left of it
 * until a time, and until when the upstream refuses; and when it last answered. Times are milliseconds since the epoch.
 */
export const gaugeNames = [
  "upstreamLimit",
  "upstreamRemaining",
  "upstreamLimitEndsAt",
  "upstreamLimitedUntil",
  "lastSuccessAt",
] as const;
export type Gauges = Partial<Record<(typeof gaugeNames)[number], number>>;

/** Separates the counters of a mirror from its gauges. */
export function figuresOf(values: Readonly<Record<string, number>> = {}): {
  readonly counters: Readonly<Record<string, number>>;
  readonly gauges: Gauges;
} {
  const isGauge = ([name]: readonly [string, number]): boolean =>
    gaugeNames.some((gauge) => gauge === name);
  const entries = Object.entries(values);
  return {
    counters: Object.fromEntries(entries.filter((entry) => !isGauge(entry))),
    gauges: Object.fromEntries(entries.filter(isGauge)),
  };
}

export type CounterName = (typeof counterNames)[number];

export interface Counters {
  add(name: CounterName, by?: number): void;
  /** Returns the sums since the last call, and resets them to 0. */
  take(): Readonly<Record<CounterName, number>>;
}

const zeros = (): Record<CounterName, number> =>
  Object.fromEntries(counterNames.map((name) => [name, 0])) as Record<CounterName, number>;

export function createCounters(): Counters {
  let fresh = zeros();
  return {
    add(name, by = 1) {
      fresh[name] += by;
    },
    take() {
      const taken = fresh;
      fresh = zeros();
      return taken;
    },
  };
}
