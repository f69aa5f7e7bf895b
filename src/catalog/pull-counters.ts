import type {
  PullBucket,
  PullCounterChange,
  PullCounterRow,
  PullCounterStore,
  Registration,
} from "../database/catalog/pull-counters.ts";
import type { RepositoryFacts } from "../database/facts.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Reference, Tag } from "../oci/reference.ts";
import type { Clock } from "../registry/leases.ts";

/** Counts pulls and pushes. */
export interface PullCounters {
  /** Records a GET of a manifest. The later write decides whether it is a pull (`pull-counter-thread.ts`). */
  record(repository: CountedRepository, reference: Reference): void;
  recordPush(repository: CountedRepository, tags: readonly Tag[]): void;
}

type CountedRepository = Pick<RepositoryFacts, "name" | "removal">;

interface BufferParts {
  readonly store: {
    add(counted: readonly PullCounterChange[]): Promise<readonly PullBucket[]>;
  };
  readonly rank: (ranks: readonly PullBucket[]) => Promise<unknown>;
  readonly clock: Clock;
  readonly everyMs: number;
  readonly report: (error: unknown) => void;
}

/** A change that is not written yet. */
type BufferedChange = { -readonly [key in keyof PullCounterChange]: PullCounterChange[key] };
type Batch = ReadonlyMap<string, BufferedChange>;

/** After failed writes the interval doubles up to 60 s. */
const longestWaitMs = 60_000;
/** At this number of buffered changes the buffer is written immediately. */
const changesAtMost = 10_000;

/**
 * Counts in memory, and writes the changes every `everyMs` ms; a crash loses at most these. One call costs one map
 * lookup. If a write fails, the buffer keeps its changes for the next write, at most 10,000.
 */
export class PullCounterBuffer implements PullCounters {
  readonly #parts: BufferParts;
  #changes = new Map<string, BufferedChange>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #failures = 0;
  #isClosed = false;

  constructor(parts: BufferParts) {
    this.#parts = parts;
  }

  record(repository: CountedRepository, reference: Reference): void {
    const change = this.#findOrAdd(repository, reference);
    change.pulls += 1;
    change.lastPulledAtMs = this.#parts.clock();
  }

  recordPush(repository: CountedRepository, tags: readonly Tag[]): void {
    for (const tag of tags) {
      const change = this.#findOrAdd(repository, { kind: "tag", tag });
      change.pushes += 1;
      change.lastPushedAtMs = this.#parts.clock();
    }
  }

  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#changes;
    this.#changes = new Map();
    if (batch.size > 0) this.#flushing = this.#flushing.then(() => this.#write(batch));
    return this.#flushing;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
  }

  #findOrAdd(
    { name: repository, removal }: CountedRepository,
    reference: Reference,
  ): BufferedChange {
    const text = reference.kind === "tag" ? reference.tag : reference.digest;
    const key = `${repository} ${text}`;
    const held = this.#changes.get(key);
    if (held?.removal === removal) return held;
    const nothing = { pulls: 0, pushes: 0, lastPulledAtMs: 0, lastPushedAtMs: 0 };
    const change: BufferedChange = { repository, reference, removal, ...nothing };
    // A late answer of a repository that was deleted since: it is not counted.
    if (held !== undefined && held.removal > removal) return change;
    // A newer removal: the repository was deleted since, so its buffered counts are dropped.
    this.#changes.set(key, change);
    if (this.#changes.size >= changesAtMost) void this.flush();
    else this.#wait();
    return change;
  }

  /** After `close` no timer starts: counts that arrive later, from interrupted responses, are lost. */
  #wait(): void {
    if (this.#isClosed) return;
    const waitMs = Math.min(this.#parts.everyMs * 2 ** this.#failures, longestWaitMs);
    this.#timer ??= setTimeout(() => void this.flush(), waitMs).unref();
  }

  async #write(batch: Batch): Promise<void> {
    const { store, rank, report } = this.#parts;
    let ranks: readonly PullBucket[];
    try {
      ranks = await store.add([...batch.values()]);
      this.#failures = 0;
    } catch (error) {
      this.#failures = Math.min(this.#failures + 1, 16);
      report(error);
      this.#keep(batch);
      return;
    }
    if (ranks.length > 0) await rank(ranks).catch(report);
  }

  /** Returns the changes of a failed write to the buffer. */
  #keep(batch: Batch): void {
    for (const [key, change] of batch) {
      if (this.#changes.size >= changesAtMost) return;
      const newer = this.#changes.get(key);
      if (newer === undefined) this.#changes.set(key, change);
      else if (newer.removal === change.removal) {
        newer.pulls += change.pulls;
        newer.pushes += change.pushes;
        newer.lastPulledAtMs = Math.max(newer.lastPulledAtMs, change.lastPulledAtMs);
        newer.lastPushedAtMs = Math.max(newer.lastPushedAtMs, change.lastPushedAtMs);
      }
    }
    if (this.#changes.size > 0) this.#wait();
  }
}

/** The pull counters of a repository or a tag. */
export interface PullCount {
  readonly pulls: number;
  readonly pushes: number;
  /** `undefined`: no pull is recorded. */
  readonly lastPulledAtMs: number | undefined;
  readonly lastPushedAtMs: number | undefined;
}

/**
 * Reads the pull counters, which are at most a few seconds old. Names without pulls and pushes, and names that do not
 * exist, have no entry. The caller must check visibility.
 */
export interface PullCounts {
  of(repositories: readonly Registration[]): Promise<ReadonlyMap<RepositoryName, PullCount>>;
  ofTags(repository: Registration, tags: readonly Tag[]): Promise<ReadonlyMap<Tag, PullCount>>;
  /** The counters of the tags of a repository, by tag, after `last`. */
  scanTags: PullCounterStore["scanTags"];
  /** The pulls of at most 100 repositories together, or of one tag, by day. */
  days: PullCounterStore["days"];
  knownSinceMs: PullCounterStore["knownSinceMs"];
}

export function createPullCounts(
  store: Pick<PullCounterStore, "of" | "ofTags" | "scanTags" | "days" | "knownSinceMs">,
): PullCounts {
  return {
    of: async (repositories) => counted(await store.of(repositories)),
    ofTags: async (repository, tags) => counted(await store.ofTags(repository, tags)),
    scanTags: (repository, page) => store.scanTags(repository, page),
    days: (repositories, wanted) => store.days(repositories, wanted),
    knownSinceMs: () => store.knownSinceMs(),
  };
}

function counted<Name>(rows: ReadonlyMap<Name, PullCounterRow>): ReadonlyMap<Name, PullCount> {
  return new Map(
    [...rows].map(([name, { pulls, pushes, lastPulledAtMs, lastPushedAtMs }]) => [
      name,
      {
        pulls,
        pushes,
        lastPulledAtMs: lastPulledAtMs ?? undefined,
        lastPushedAtMs: lastPushedAtMs ?? undefined,
      },
    ]),
  );
}
