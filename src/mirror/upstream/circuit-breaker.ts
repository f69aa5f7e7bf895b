/**
 * Opens after 5 consecutive failures of an upstream: for 2 s, then twice as long after each further failure (at most
 * 60 s). After each interval, one request tests the upstream.
 */
export interface CircuitBreaker {
  /** Milliseconds until the next test. 0: send the request (if the circuit was open, this request is the test). */
  openForMs(): number;
  succeeded(): void;
  failed(): void;
}

const failuresAtMost = 5;
const firstRestMs = 2_000;
const longestRestMs = 60_000;

export function createCircuitBreaker(clock: () => number): CircuitBreaker {
  let failures = 0;
  let restsUntilMs = 0;
  return {
    openForMs() {
      const rest = restsUntilMs - clock();
      if (failures < failuresAtMost || rest > 0) return Math.max(0, rest);
      // Other requests find the circuit open while this request tests the upstream.
      restsUntilMs = clock() + firstRestMs;
      return 0;
    },
    succeeded() {
      failures = 0;
      restsUntilMs = 0;
    },
    failed() {
      failures += 1;
      if (failures < failuresAtMost) return;
      const rest = firstRestMs * 2 ** Math.min(10, failures - failuresAtMost);
      restsUntilMs = clock() + Math.min(longestRestMs, rest);
    },
  };
}
