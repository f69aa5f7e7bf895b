/**
 * Runs `work` unless a call with the same key is running: concurrent callers share its result or its error. Nothing is
 * kept after the call ends. `work` is called synchronously; if it throws instead of rejecting, only its caller gets the
 * error.
 */
export type SingleFlight<T> = (key: string, work: () => Promise<T>) => Promise<T>;

export function createSingleFlight<T>(): SingleFlight<T> {
  const running = new Map<string, Promise<T>>();
  return (key, work) => {
    const known = running.get(key);
    if (known !== undefined) return known;
    const begun = work().finally(() => running.delete(key));
    running.set(key, begun);
    return begun;
  };
}

/** Does the work at the first call. Each call returns the result of the first one; if that threw, it is done again. */
export function once<T>(work: () => T): () => T {
  let done: { readonly result: T } | undefined;
  return () => (done ??= { result: work() }).result;
}
