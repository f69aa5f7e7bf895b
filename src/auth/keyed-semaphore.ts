import { OciError } from "../oci/errors.ts";

/** Runs `work` when a slot for `key` is free. Rejects with TOOMANYREQUESTS when too many calls wait for this key. */
type KeyedSemaphore = <T>(key: string, work: () => Promise<T>) => Promise<T>;

interface Line {
  running: number;
  readonly waiting: (() => void)[];
}

/** Per key, `atOnce` calls run and `atMostWaiting` calls wait. */
export function createKeyedSemaphore(limits: {
  readonly atOnce: number;
  readonly atMostWaiting: number;
}): KeyedSemaphore {
  const lines = new Map<string, Line>();
  return async (key, work) => {
    const line = lines.get(key) ?? { running: 0, waiting: [] };
    if (line.running < limits.atOnce) {
      line.running += 1;
      lines.set(key, line);
    } else if (line.waiting.length < limits.atMostWaiting) {
      // The call that ends passes its slot to the first waiting call; `running` stays the same.
      await new Promise<void>((resolve) => line.waiting.push(resolve));
    } else {
      throw tooManyLogins();
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

/** A client in a {@link FairQueue}. `key` identifies it; known clients run before unknown clients. */
export interface QueuedClient {
  readonly key: string;
  readonly isKnown: boolean;
}

/**
 * Runs `work` when a slot is free. Rejects with TOOMANYREQUESTS when too many calls of the client, or of all clients,
 * wait.
 */
type FairQueue = <T>(client: QueuedClient, work: () => Promise<T>) => Promise<T>;

interface Waiter {
  readonly start: () => void;
  readonly reject: (error: Error) => void;
}

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
