/**
 * Shares the event loop among hundreds of clients that pull the same content. Writing bytes from memory does not return
 * to the event loop, and libuv accepts one connection per loop iteration. Writers yield after 2 ms, and after 0.2 ms
 * while clients arrive, so that late clients are not starved.
 */
export interface EventLoopScheduler {
  /** Records a new manifest request. The writers then yield more often. */
  arrived(): void;
  /** Resolves in one of the next loop iterations, in the order of calls. */
  yieldTurn(): Promise<void>;
  /** Returns `undefined` if the caller may continue, or {@link yieldTurn} if the current iteration took too long. */
  yieldIfBusy(): Promise<void> | undefined;
}

/** `together`: waiting callers that continue per loop iteration. `longestMs`: how long running callers may continue. */
interface Share {
  readonly together: number;
  readonly longestMs: number;
}

const usual: Share = { together: 64, longestMs: 2 };
/** While clients arrive. */
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
