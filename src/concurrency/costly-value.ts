import { createSingleFlight } from "./single-flight.ts";

/** A value is computed again after 20 times the duration of its computation, so that it takes at most 5 % of a core. */
const keptForDurations = 20;

/**
 * Returns a function that computes values by key. Concurrent callers share a computation, and later ones get its result for
 * some time. The caller bounds the number of keys.
 */
export function createCostlyValues<T>(): (key: string, compute: () => Promise<T>) => Promise<T> {
  const singleFlight = createSingleFlight<T>();
  const known = new Map<string, { readonly value: T; readonly untilMs: number }>();
  return async (key, compute) => {
    const before = known.get(key);
    if (before !== undefined && performance.now() < before.untilMs) return before.value;
    return singleFlight(key, async () => {
      const beganAtMs = performance.now();
      const value = await compute();
      const endedAtMs = performance.now();
      known.set(key, { value, untilMs: endedAtMs + keptForDurations * (endedAtMs - beganAtMs) });
      return value;
    });
  };
}
