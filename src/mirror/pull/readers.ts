/** The readers of a partial blob. Wakes them when bytes arrive, and reports when the last one has left. */
export interface Readers {
  /** Resolves with the next {@link Readers.wake}. */
  wait(): Promise<void>;
  /** Records that `received` bytes have arrived in total. With more than 16 waiting readers, wakes them less often. */
  arrived(received: number): void;
  /** Wakes all readers now. */
  wake(received: number): void;
  /** Adds a reader. Call the result to remove it; further calls do nothing. */
  join(): () => void;
}

/** More than 16 waiting readers are woken after 512 KB or 40 ms, which saves wake-ups with hundreds of readers. */
const [fewReaders, worthWakingBytes, longestNapMs] = [16, 512 * 1024, 40];

/** @param left called after the last reader has left */
export function createReaders(left: () => void): Readers {
  const waiting = new Set<() => void>();
  let wokenAt = 0;
  let waking: NodeJS.Timeout | undefined;
  let known = 0;
  let count = 0;

  const wake = (received: number): void => {
    clearTimeout(waking);
    waking = undefined;
    wokenAt = received;
    for (const go of waiting) go();
    waiting.clear();
  };

  return {
    wait: () => new Promise<void>((resolve) => waiting.add(resolve)),
    arrived(received) {
      known = received;
      if (waiting.size <= fewReaders || wokenAt === 0 || received - wokenAt >= worthWakingBytes)
        wake(received);
      else waking ??= setTimeout(() => wake(known), longestNapMs);
    },
    wake,
    join() {
      let isHere = true;
      count += 1;
      return () => {
        if (!isHere) return;
        isHere = false;
        count -= 1;
        if (count === 0) left();
      };
    },
  };
}
