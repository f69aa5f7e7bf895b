import { LRUCache } from "lru-cache";

/** Receivers whose deliveries are sent at the same time. */
const receiversAtOnce = 16;
/** Places of receivers that are not known to answer fast; the others are for those that are. */
const unprovenAtOnce = 12;
/** A receiver that is waited for gives its place up after this time. */
const turnMs = 5_000;
/** A receiver that answers in this time is fast. */
const fastMs = 1_000;
const remembered = 10_000;

/**
 * Which receivers are sent to at the same time. A receiver that answers slowly, or not at all, has one turn after another
 * with the others, and can never take all places: a few are for receivers that answered fast the last time.
 */
export class Turns {
  readonly #now: () => number;
  readonly #running = new Map<
    string,
    { readonly beganAtMs: number; readonly done: Promise<void> }
  >();
  readonly #endedAtMs = new LRUCache<string, number>({ max: remembered });
  readonly #fast = new LRUCache<string, true>({ max: remembered });
  /** A receiver waits for a place. */
  #isFull = false;

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Runs `work` for the receivers that get a place, the one whose last turn is the longest ago first. */
  begin(receivers: readonly string[], work: (receiver: string) => Promise<void>): void {
    const lastTurn = (receiver: string): number => this.#endedAtMs.get(receiver) ?? -Infinity;
    const waiting = receivers
      .filter((receiver) => !this.#running.has(receiver))
      .toSorted((a, b) => lastTurn(a) - lastTurn(b) || 0);
    this.#isFull = false;
    for (const receiver of waiting)
      if (this.#hasPlaceFor(receiver)) this.#run(receiver, work);
      else this.#isFull = true;
  }

  #hasPlaceFor(receiver: string): boolean {
    if (this.#running.size >= receiversAtOnce) return false;
    if (this.#fast.has(receiver)) return true;
    const unproven = [...this.#running.keys()].filter((other) => !this.#fast.has(other));
    return unproven.length < unprovenAtOnce;
  }

  #run(receiver: string, work: (receiver: string) => Promise<void>): void {
    const done = work(receiver).finally(() => {
      this.#running.delete(receiver);
      this.#endedAtMs.set(receiver, this.#now());
    });
    this.#running.set(receiver, { beganAtMs: this.#now(), done });
  }

  /** The receiver must give its place up now. */
  isOver(receiver: string): boolean {
    const { beganAtMs } = this.#running.get(receiver) ?? { beganAtMs: -Infinity };
    return this.#isFull && this.#now() - beganAtMs >= turnMs;
  }

  /** The receiver has taken this time for an answer. */
  answered(receiver: string, durationMs: number): void {
    if (durationMs <= fastMs) this.#fast.set(receiver, true);
    else this.#fast.delete(receiver);
  }

  /** Resolves when all turns have ended that run now. */
  async end(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }
}
