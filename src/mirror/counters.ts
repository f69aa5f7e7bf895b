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
type CounterName = (typeof counterNames)[number];

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
