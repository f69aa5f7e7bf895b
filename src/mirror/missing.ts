/** What the upstream has said is not there, for a while. */
export interface Missing {
  has(key: string): boolean;
  add(key: string, ttlMs: number): void;
}

const entriesAtMost = 10_000;

export function createMissing(clock: () => number): Missing {
  const untilMs = new Map<string, number>();
  return {
    has(key) {
      const until = untilMs.get(key);
      if (until === undefined) return false;
      if (until > clock()) return true;
      untilMs.delete(key);
      return false;
    },
    add(key, ttlMs) {
      if (untilMs.size >= entriesAtMost) untilMs.clear();
      untilMs.set(key, clock() + ttlMs);
    },
  };
}
