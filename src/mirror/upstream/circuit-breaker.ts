/** Keeps an upstream that has failed again and again from being asked at all, and lets one request try now and then. */
export interface CircuitBreaker {
  /** Milliseconds until the next try; 0: go on (and if it was resting, this request is the try). */
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
      // Whoever comes while this one tries still rests.
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
