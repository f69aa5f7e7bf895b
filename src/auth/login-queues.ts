import { DatabaseError } from "../database/errors.ts";
import { OciError } from "../oci/errors.ts";

/*
 * Two queues bound the logins that run at once: one call at a time per key, and a fair queue over all clients. Both
 * reject with TOOMANYREQUESTS when too many calls wait. If the database fails in a call, the waiting calls would wait
 * for it as long one after another: they fail with the same error at once.
 */

/** Runs `work` when no other call with the same key runs. */
type KeyedSemaphore = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** Per key, one call runs and `atMostWaiting` calls wait, in the order of their arrival. */
export function createKeyedSemaphore(atMostWaiting: number): KeyedSemaphore {
  /** The waiting calls of each key with a running call. */
  const waiting = new Map<string, Waiter[]>();
  return async (key, work) => {
    const line = waiting.get(key);
    if (line === undefined) waiting.set(key, []);
    else if (line.length >= atMostWaiting) throw tooManyLogins();
    else await new Promise<void>((start, reject) => line.push({ start, reject }));
    try {
      return await work();
    } catch (error) {
      if (error instanceof DatabaseError)
        for (const { reject } of waiting.get(key)?.splice(0) ?? []) reject(error);
      throw error;
    } finally {
      // The call that ends starts the next one; the key is removed when no call waits.
      const next = waiting.get(key)?.shift();
      if (next === undefined) waiting.delete(key);
      else next.start();
    }
  };
}

interface Waiter {
  readonly start: () => void;
  readonly reject: (error: Error) => void;
}

/** A client in a {@link FairQueue}. `key` identifies it; known clients run before unknown clients. */
export interface QueuedClient {
  readonly key: string;
  readonly isKnown: boolean;
}

/** Runs `work` when a slot is free. */
type FairQueue = <T>(client: QueuedClient, work: () => Promise<T>) => Promise<T>;

/**
 * Round-robin queue over keys, so that a key with many waiting calls does not delay a key with one. Known clients run
 * before unknown clients. At most `atMostWaiting` calls wait of each kind. When the queue is full, a call replaces the
 * last call of the client with the most waiting calls, if its own client has at least 2 fewer.
 */
export function createFairQueue(limits: {
  readonly atOnce: number;
  readonly atMostWaiting: number;
}): FairQueue {
  const lanes = {
    known: createLane(limits.atMostWaiting),
    unknown: createLane(limits.atMostWaiting),
  };
  let running = 0;
  return async ({ key, isKnown }, work) => {
    if (running < limits.atOnce) running += 1;
    else {
      await new Promise<void>((resolve, reject) => {
        const lane = isKnown ? lanes.known : lanes.unknown;
        if (!lane.add(key, { start: resolve, reject })) reject(tooManyLogins());
      });
    }
    try {
      return await work();
    } catch (error) {
      if (error instanceof DatabaseError)
        for (const lane of [lanes.known, lanes.unknown]) lane.rejectAll(error);
      throw error;
    } finally {
      const next = lanes.known.next() ?? lanes.unknown.next();
      if (next === undefined) running -= 1;
      else next.start();
    }
  };
}

function createLane(atMostWaiting: number) {
  // In round-robin order: after a call of a key has run, the key moves to the end.
  const lines = new Map<string, Waiter[]>();
  let waiting = 0;

  const remove = (key: string, line: Waiter[]): void => {
    waiting -= 1;
    lines.delete(key);
    if (line.length > 0) lines.set(key, line);
  };

  const evictFromLongest = (key: string): boolean => {
    const own = lines.get(key)?.length ?? 0;
    let longest: [string, Waiter[]] | undefined;
    for (const entry of lines) if (entry[1].length > (longest?.[1].length ?? 0)) longest = entry;
    if (longest === undefined || longest[1].length <= own + 1) return false;
    longest[1].pop()?.reject(tooManyLogins());
    waiting -= 1;
    return true;
  };

  return {
    add(key: string, waiter: Waiter): boolean {
      if (waiting >= atMostWaiting && !evictFromLongest(key)) return false;
      const line = lines.get(key);
      if (line === undefined) lines.set(key, [waiter]);
      else line.push(waiter);
      waiting += 1;
      return true;
    },
    rejectAll(error: Error): void {
      for (const { reject } of [...lines.values()].flat()) reject(error);
      lines.clear();
      waiting = 0;
    },
    next(): Waiter | undefined {
      const [first] = lines;
      if (first === undefined) return undefined;
      const [key, line] = first;
      const waiter = line.shift();
      remove(key, line);
      return waiter;
    },
  };
}

function tooManyLogins(): OciError {
  const headers = { "Retry-After": "2" };
  return new OciError("TOOMANYREQUESTS", "too many logins are waiting; try again later", {
    headers,
  });
}
