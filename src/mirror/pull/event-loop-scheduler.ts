/**
 * Who goes on when hundreds pull the same thing. Bytes that are in memory go out without the event loop coming round,
 * and in each of its rounds it takes in one new connection (libuv accepts one at a time): those who came first would
 * be far ahead before the last are let in. So a round is short while new ones come, and never long.
 */
export interface EventLoopScheduler {
  /** Somebody has come with a first request. */
  arrived(): void;
  /** Resolves in one of the next rounds, in the order of calls. */
  yieldTurn(): Promise<void>;
  /** For somebody in the middle of something: `undefined` to go on, or {@link yieldTurn} if this round has lasted. */
  yieldIfBusy(): Promise<void> | undefined;
}

/** How many who have waited go on in one round, and how long others do. */
interface Share {
  readonly together: number;
  readonly longestMs: number;
}

const usual: Share = { together: 64, longestMs: 2 };
/** While new ones come. */
const crowded: Share = { together: 2, longestMs: 0.2 };

export function createEventLoopScheduler(): EventLoopScheduler {
  const waiting: (() => void)[] = [];
  let [hasArrived, isCrowded, isRunning] = [false, false, false];
  let begunAtMs: number | undefined;

  const goOn = (): void => {
    isRunning = false;
    begunAtMs = undefined;
    isCrowded = hasArrived;
    hasArrived = false;
    for (const go of waiting.splice(0, share().together)) go();
    if (waiting.length > 0) run();
  };
  const run = (): void => {
    if (!isRunning) setImmediate(goOn);
    isRunning = true;
  };
  const share = (): Share => (isCrowded || hasArrived ? crowded : usual);
  const yieldTurn = (): Promise<void> =>
    new Promise((resolve) => {
      waiting.push(resolve);
      run();
    });

  return {
    arrived() {
      hasArrived = true;
    },
    yieldTurn,
    yieldIfBusy() {
      const nowMs = performance.now();
      begunAtMs ??= nowMs;
      run();
      return nowMs - begunAtMs < share().longestMs ? undefined : yieldTurn();
    },
  };
}
