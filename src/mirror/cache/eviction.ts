import type { BlobStore, BorrowedBytes } from "../../../storage/blob-store.ts";
import type { Database } from "../../database/contract.ts";
import type { Digest } from "../../oci/digest.ts";
import { deleteMarkedBlobs } from "../../registry/deleting-blobs.ts";
import type { LeasePolicy } from "../../registry/leases.ts";
import type { Counters } from "../counters.ts";
import type { MirrorProcesses } from "../pull/mirror-processes.ts";

/** Each eviction scans all blobs of the mirror, so it frees an extra 3 % of the limit. */
const spare = 0.03;
/**
 * The store keeps evicted bytes for `gc.deleteDelay`, unless one mirror has evicted more than this share of its cache
 * size. The early deletion covers only blobs that this process evicted from this mirror: another process may still send
 * other blobs, and a backup may copy them. If other processes run, which may send these blobs too, it happens only in a
 * store with limited space.
 */
const waitingShare = 0.1;
/**
 * A replica counts the cached bytes again after this time. In between it knows only of its own downloads: each count reads
 * all blobs of the mirror, and only one replica counts at a time.
 */
const countedForMs = 5_000;

interface EvictionParts {
  readonly namespace: string;
  /** `mirrors[].cacheSize`; `undefined`: no limit. */
  readonly budgetBytes: number | undefined;
  readonly store: BlobStore;
  /** Eviction deletes files, so its row changes must be durable first: this database flushes each commit. */
  readonly flushingDatabase: Pick<Database, "commands" | "mirrorUses" | "collection">;
  readonly database: Pick<Database, "commands">;
  readonly leasePolicy: LeasePolicy;
  readonly clock: () => number;
  readonly counters: Counters;
  readonly mirrorProcesses: Pick<MirrorProcesses, "isOnlyProcess" | "areOnOneHost">;
  readonly report: (error: unknown) => void;
}

/**
 * Keeps the cached blobs of one mirror within `mirrors[].cacheSize`: records when clients last requested each blob, and
 * evicts the least recently used ones. A blob that is read or downloaded now is never evicted.
 */
export class Eviction {
  readonly #parts: EvictionParts;
  /** The blobs in use, and how many readers and downloads each has. */
  readonly #held = new Map<Digest, number>();
  /** Blobs that this process evicted and whose bytes are still in the store, by blob id. */
  readonly #waiting = new Map<number, { readonly sizeBytes: number; readonly atMs: number }>();
  /** Use times that are not in the database yet. */
  #usedAtMs = new Map<Digest, number>();
  #cachedBytes: number | undefined;
  /** When `#cachedBytes` was read from the database. */
  #countedAtMs = -Infinity;
  /** Blobs were added since {@link evictAdded} has found that all fit. */
  #hasAdded = false;
  /** Evictions run one after another. */
  #last: Promise<void> = Promise.resolve();

  constructor(parts: EvictionParts) {
    this.#parts = parts;
  }

  /** Records that a client requests a blob. */
  used(digest: Digest): void {
    this.#usedAtMs.set(digest, this.#parts.clock());
  }

  /** Eviction skips the blob until the caller calls the result, once. */
  hold(digest: Digest): () => void {
    this.#held.set(digest, (this.#held.get(digest) ?? 0) + 1);
    return () => {
      const left = (this.#held.get(digest) ?? 1) - 1;
      if (left === 0) this.#held.delete(digest);
      else this.#held.set(digest, left);
    };
  }

  /** Passes the bytes of a reader through, and holds the blob until the reader ends. */
  async *holdWhileRead(digest: Digest, bytes: BorrowedBytes): BorrowedBytes {
    const release = this.hold(digest);
    try {
      yield* bytes;
    } finally {
      release();
      this.used(digest);
      void this.evictIfOver();
    }
  }

  /** Writes the recorded use times to the database. */
  async flush(): Promise<void> {
    if (this.#usedAtMs.size === 0) return;
    const uses = [...this.#usedAtMs].map(([digest, usedAtMs]) => ({ digest, usedAtMs }));
    this.#usedAtMs = new Map();
    await this.#parts.database.commands.useMirrorBlobs({ namespace: this.#parts.namespace, uses });
  }

  /**
   * Evicts blobs until `sizeBytes` more bytes fit; call it before {@link added}. Never rejects: it reports an error,
   * and the call for the next blob tries again.
   */
  async freeSpace(sizeBytes: number): Promise<void> {
    const { budgetBytes } = this.#parts;
    if (budgetBytes === undefined) return;
    this.#last = this.#last.then(() => this.#freeSpace(sizeBytes, budgetBytes));
    await this.#last;
  }

  /** Adds the size of a new blob to the cached bytes. */
  added(sizeBytes: number): void {
    this.#hasAdded = true;
    if (this.#cachedBytes !== undefined) this.#cachedBytes += sizeBytes;
  }

  /** Evicts again after a read or a download ended, because a blob in use cannot be evicted. Never rejects. */
  async evictIfOver(): Promise<void> {
    const { budgetBytes = Infinity } = this.#parts;
    if ((this.#cachedBytes ?? 0) > budgetBytes) await this.freeSpace(0);
  }

  /** Evicts again if several processes have added blobs at the same time: each has made space for its own. */
  async evictAdded(): Promise<void> {
    const { mirrorProcesses, budgetBytes } = this.#parts;
    if (budgetBytes === undefined || !this.#hasAdded) return;
    if (await mirrorProcesses.isOnlyProcess()) return;
    this.#hasAdded = false;
    this.#countedAtMs = -Infinity;
    await this.freeSpace(0);
    // Blobs may have been in use, or the database may have failed.
    const isCounted = this.#countedAtMs !== -Infinity;
    if (!isCounted || (this.#cachedBytes ?? 0) > budgetBytes) this.#hasAdded = true;
  }

  async #freeSpace(sizeBytes: number, budget: number): Promise<void> {
    const { namespace, flushingDatabase, mirrorProcesses, clock, report } = this.#parts;
    try {
      this.#cachedBytes ??= (await flushingDatabase.mirrorUses.stock(namespace)).bytes;
      const targetBytes = Math.max(0, budget - sizeBytes);
      // `#cachedBytes` does not include blobs that other processes download; only the database knows them.
      const isRecent = !mirrorProcesses.areOnOneHost && clock() - this.#countedAtMs < countedForMs;
      const isKnown = isRecent || (await mirrorProcesses.isOnlyProcess());
      if (this.#cachedBytes <= targetBytes && isKnown) return;
      const leaveBytes = targetBytes - Math.min(targetBytes, budget * spare);
      await this.#evict({ ifOverBytes: targetBytes, leaveBytes }, budget);
    } catch (error) {
      report(error);
    }
  }

  async #evict(
    range: { readonly ifOverBytes: number; readonly leaveBytes: number },
    budget: number,
  ): Promise<void> {
    const { namespace, store, flushingDatabase, leasePolicy, counters } = this.#parts;
    await this.flush();
    const { nowMs } = leasePolicy.eventTimes();
    const input = { namespace, ...range, except: [...this.#held.keys()], nowMs };
    const { evicted, leftBytes } = await flushingDatabase.commands.evictMirrorBlobs(input);
    this.#cachedBytes = leftBytes;
    this.#countedAtMs = nowMs;
    if (evicted.length === 0) return;
    counters.add("evictedBlobs", evicted.length);
    counters.add("evictedBytes", sumOf(evicted));
    for (const { id, sizeBytes } of evicted) this.#waiting.set(id, { sizeBytes, atMs: nowMs });
    await this.#deleteBytes(leasePolicy.deletableBeforeMs());
    for (const [id, { atMs }] of this.#waiting)
      if (atMs <= leasePolicy.deletableBeforeMs()) this.#waiting.delete(id);
    if (sumOf(this.#waiting.values()) <= budget * waitingShare) return;
    const { hasLimitedSpace } = store.capabilities;
    if (!hasLimitedSpace && !(await this.#parts.mirrorProcesses.isOnlyProcess())) return;
    await this.#deleteBytes(nowMs, new Set(this.#waiting.keys()));
    this.#waiting.clear();
  }

  /** Deletes the bytes of blobs that were evicted before a time, of all mirrors or only of the blobs with these ids. */
  async #deleteBytes(beforeMs: number, only?: ReadonlySet<number>): Promise<void> {
    const { store, flushingDatabase: database, clock, report } = this.#parts;
    const due = { beforeMs, nowMs: clock(), only };
    for await (const step of deleteMarkedBlobs({ store, database }, due))
      if (step.kind === "failed") report(step.error);
  }
}

function sumOf(blobs: Iterable<{ readonly sizeBytes: number }>): number {
  let bytes = 0;
  for (const { sizeBytes } of blobs) bytes += sizeBytes;
  return bytes;
}
