/**
 * Runs `work` for all items, at most `atOnce` at the same time, and yields the results in the order of the items. After a
 * failure, or when the reader leaves the loop, no new work starts.
 */
export async function* inOrder<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const running: Promise<R>[] = [];
  for await (const item of items) {
    const result = work(item);
    // A failure is thrown when its turn comes; until then it is not unhandled.
    result.catch(() => undefined);
    running.push(result);
    const first = running.length < atOnce ? undefined : running.shift();
    if (first !== undefined) yield await first;
  }
  for (const result of running) yield await result;
}
