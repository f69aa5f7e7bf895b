import { createHmac, randomBytes } from "node:crypto";

/** What was found out of secrets a short while ago, by a keyed hash: the secrets themselves are not kept. */
export interface Remembered {
  add(mark: string): void;
  has(mark: string): boolean;
  /** What stands for these texts, in this order. */
  markOf(...texts: readonly string[]): string;
}

const rememberedMs = 5 * 60_000;
const atMostKept = 1000;

/** Keeps a mark for five minutes; the oldest of a thousand goes first. */
export function createRemembered(clock: () => number): Remembered {
  const key = randomBytes(32);
  const untilMs = new Map<string, number>();
  return {
    markOf: (...texts) => createHmac("sha256", key).update(JSON.stringify(texts)).digest("base64"),
    has: (mark) => (untilMs.get(mark) ?? 0) > clock(),
    add(mark) {
      untilMs.delete(mark);
      const [oldest] = untilMs.keys();
      if (untilMs.size >= atMostKept && oldest !== undefined) untilMs.delete(oldest);
      untilMs.set(mark, clock() + rememberedMs);
    },
  };
}
