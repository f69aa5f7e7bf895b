import type { PullCounterChange, PullBucket } from "../database/catalog/pull-counters.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Reference, Tag } from "../oci/reference.ts";
import type { Clock } from "../registry/leases.ts";

/** Counts pulls and pushes in memory. One call costs one map lookup. */
export interface PullCounters {
  /** Records a GET of a manifest. The later write decides whether it is a pull (`pull-counter-commands.ts`). */
  record(repository: RepositoryName, reference: Reference): void;
  recordPush(repository: RepositoryName, tags: readonly Tag[]): void;
}

type Note = { -readonly [key in keyof PullCounterChange]: PullCounterChange[key] };

/** After failed writes the interval doubles up to 60 s. */
const longestWaitMs = 60_000;
/** At this number of buffered changes the buffer is written immediately. */
const notesAtMost = 10_000;

/**
 * Buffers the changes in memory and writes them every `everyMs` ms; a crash loses at most these. If a write fails, the
 * buffer keeps its changes for the next write, at most 10,000.
 */
export function createPullCounters(parts: {
  readonly store: {
    add(counted: readonly PullCounterChange[]): Promise<readonly PullBucket[]>;
  };
  readonly rank: (ranks: readonly PullBucket[]) => Promise<unknown>;
  /** Returns the number of the last removal of a repository with this name. Throws if the database cannot be read. */
  readonly removalOf: (repository: RepositoryName) => number;
  readonly clock: Clock;
  readonly everyMs: number;
  readonly report: (error: unknown) => void;
}): PullCounters & { flush(): Promise<void>; close(): Promise<void> } {
  const { store, rank, removalOf, clock, everyMs, report } = parts;
  let notes = new Map<string, Note>();
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> = Promise.resolve();
  let failures = 0;
  let isClosed = false;
  /** After `close` no timer starts: counts that arrive later, from interrupted responses, are lost. */
  const wait = (): void => {
    const waitMs = Math.min(everyMs * 2 ** failures, longestWaitMs);
    if (!isClosed) timer ??= setTimeout(() => void flush(), waitMs).unref();
  };

  const noteOf = (repository: RepositoryName, reference: Reference): Note => {
    const text = reference.kind === "tag" ? reference.tag : reference.digest;
    const key = `${repository} ${text}`;
    const removal = removalOf(repository);
    const held = notes.get(key);
    // Another removal number: the repository was deleted since, so its buffered counts are dropped.
    if (held?.removal === removal) return held;
    const nothing = { pulls: 0, pushes: 0, lastPulledAtMs: 0, lastPushedAtMs: 0 };
    const note: Note = { repository, reference, removal, ...nothing };
    notes.set(key, note);
    if (notes.size >= notesAtMost) void flush();
    else wait();
    return note;
  };
  /** Never throws, because the response is already sent: if the database cannot be read, only the count is lost. */
  const count = (
    repository: RepositoryName,
    reference: Reference,
    add: (note: Note) => void,
  ): void => {
    try {
      add(noteOf(repository, reference));
    } catch (error) {
      report(error);
    }
  };
  const keep = (batch: ReadonlyMap<string, Note>): void => {
    for (const [key, note] of batch) {
      if (notes.size >= notesAtMost) return;
      const newer = notes.get(key);
      if (newer === undefined) notes.set(key, note);
      else if (newer.removal === note.removal) {
        newer.pulls += note.pulls;
        newer.pushes += note.pushes;
        newer.lastPulledAtMs = Math.max(newer.lastPulledAtMs, note.lastPulledAtMs);
        newer.lastPushedAtMs = Math.max(newer.lastPushedAtMs, note.lastPushedAtMs);
      }
    }
    if (notes.size > 0) wait();
  };
  const write = async (batch: ReadonlyMap<string, Note>): Promise<void> => {
    let ranks: readonly PullBucket[];
    try {
      ranks = await store.add([...batch.values()]);
      failures = 0;
    } catch (error) {
      failures = Math.min(failures + 1, 16);
      report(error);
      keep(batch);
      return;
    }
    if (ranks.length > 0) await rank(ranks).catch(report);
  };
  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const batch = notes;
    notes = new Map();
    if (batch.size > 0) flushing = flushing.then(() => write(batch));
    return flushing;
  };

  return {
    record(repository, reference) {
      count(repository, reference, (note) => {
        note.pulls += 1;
        note.lastPulledAtMs = clock();
      });
    },
    recordPush(repository, tags) {
      for (const tag of tags)
        count(repository, { kind: "tag", tag }, (note) => {
          note.pushes += 1;
          note.lastPushedAtMs = clock();
        });
    },
    flush,
    async close() {
      isClosed = true;
      await flush();
    },
  };
}
