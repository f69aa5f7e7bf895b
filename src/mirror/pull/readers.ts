/** The clients that read a blob while it arrives: wakes them when there is more, and tells when the last one has left. */
export interface Readers {
  /** Resolves with the next {@link Readers.wake}. */
  wait(): Promise<void>;
  /** Bytes have arrived, `received` of them so far. Many readers are woken for more bytes at once. */
  arrived(received: number): void;
  /** Wakes all at once. */
  wake(received: number): void;
  /** One more reader. The result says that it has left; calls after the first do nothing. */
  join(): () => void;
}

/** Hundreds who read what has just come are woken for more of it at once, and in any case so soon. */
const [fewReaders, worthWakingBytes, longestNapMs] = [16, 512 * 1024, 40];

/** @param left the last reader has left */
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
