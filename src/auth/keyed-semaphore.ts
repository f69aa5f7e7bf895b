import { OciError } from "../oci/errors.ts";

/** Does the work when it is its turn. Rejects with TOOMANYREQUESTS when too many wait already. */
export type KeyedSemaphore = <T>(key: string, work: () => Promise<T>) => Promise<T>;

interface Line {
  running: number;
  readonly waiting: (() => void)[];
}

/** So many work at the same time for one key, so many more wait. */
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
      // Whoever ends hands the place on.
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

/** Who waits in a {@link FairQueue}: the key of the client, and whether it goes before those that nobody knows. */
export interface QueuedClient {
  readonly key: string;
  readonly isKnown: boolean;
}

/** Does the work when it is its turn. Rejects with TOOMANYREQUESTS when too many of the client, or of all, wait. */
export type FairQueue = <T>(client: QueuedClient, work: () => Promise<T>) => Promise<T>;

interface Waiter {
  readonly start: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * A queue in which the keys take turns, so that a key that waits many times does not delay a key that waits once. Known
 * clients go before unknown ones. At most `atMostWaiting` wait of each kind: when the queue is full, a client that waits
 * for the first time takes the place of the last request of the client that waits most often.
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
  // In the order of their turns: a key that had its turn goes to the end.
  const lines = new Map<string, Waiter[]>();
  let waiting = 0;

  const remove = (key: string, line: Waiter[]): void => {
    waiting -= 1;
    lines.delete(key);
    if (line.length > 0) lines.set(key, line);
  };

  const makeRoom = (key: string): boolean => {
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
      if (waiting >= atMostWaiting && !makeRoom(key)) return false;
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
  return new OciError("TOOMANYREQUESTS", "too many logins at the moment: try again later", {
    headers,
  });
}
