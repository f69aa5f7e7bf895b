import { OciError } from "../oci/errors.ts";

/** Does the work when it is its turn. Rejects with TOOMANYREQUESTS when too many wait already. */
export type Turns = <T>(key: string, work: () => Promise<T>) => Promise<T>;

interface Line {
  running: number;
  readonly waiting: (() => void)[];
}

/** So many work at the same time for one key, so many more wait. */
export function createTurns(limits: {
  readonly atOnce: number;
  readonly atMostWaiting: number;
}): Turns {
  const lines = new Map<string, Line>();
  return async (key, work) => {
    const line = lines.get(key) ?? { running: 0, waiting: [] };
    if (line.running < limits.atOnce) {
      line.running += 1;
      lines.set(key, line);
    } else if (line.waiting.length < limits.atMostWaiting) {
      // Whoever ends hands the place on.
      await new Promise<void>((resolve) => line.waiting.push(resolve));
    } else {
      const headers = { "Retry-After": "2" };
      throw new OciError("TOOMANYREQUESTS", "too many logins at the moment", { headers });
    }
    try {
      return await work();
    } finally {
      const next = line.waiting.shift();
      if (next !== undefined) next();
      else if (line.running > 1) line.running -= 1;
      else lines.delete(key);
    }
  };
}
