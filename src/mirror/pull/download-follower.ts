import { setTimeout as pause } from "node:timers/promises";
import type { BlobStore } from "../../../storage/blob-store.ts";
import { DatabaseError } from "../../database/errors.ts";
import type { MirrorFetch } from "../../database/mirror/fetches.ts";
import type { PartialBlob } from "./partial-blob.ts";

/** Interval between two looks at the leader's bytes, in the store that it writes them to. */
const lookEveryMs = 50;
/**
 * If the store cannot read open uploads, only the end of the download counts. Then each interval is 20 % longer, up to
 * this one.
 */
const longestLookMs = 500;
const longer = 1.2;
/** Readers wait for an absent database this long; the leader meanwhile goes on with the download. */
const absenceAtMostMs = 15_000;

interface FollowedDownloadParts {
  readonly store: BlobStore;
  /** The fetch row of the leader. */
  readonly begun: MirrorFetch;
  /** Reads the fetch row. `undefined`: the fetch has ended. */
  readonly look: () => Promise<MirrorFetch | undefined>;
  /** Returns the storage key of the blob if it is stored. */
  readonly find: () => Promise<string | undefined>;
  readonly isAlive: (fetch: MirrorFetch) => boolean;
  /** Continues the download in this process after the leader died or failed. */
  readonly takeOver: () => Promise<PartialBlob>;
}

/**
 * A blob that another process (the leader) downloads into the shared store, as the readers of this process see it. It
 * polls.
 */
export class FollowedDownload implements PartialBlob {
  readonly #parts: FollowedDownloadParts;
  #sizeBytes: number | undefined;
  #availableBytes = 0;
  #storageKey: string | undefined;
  /** The download of this process, after a takeover. */
  #own: PartialBlob | undefined;
  #looking: Promise<void> | undefined;
  #lookAfterMs = lookEveryMs;
  #lookedAtMs = performance.now();

  constructor(parts: FollowedDownloadParts) {
    this.#parts = parts;
    this.#sizeBytes = parts.begun.sizeBytes ?? undefined;
  }

  get upload(): string {
    return this.#own?.upload ?? this.#parts.begun.storageReference;
  }

  get storageKey(): string | undefined {
    return this.#own === undefined ? this.#storageKey : this.#own.storageKey;
  }

  get availableBytes(): number {
    if (this.#own !== undefined) return this.#own.availableBytes;
    return this.#storageKey === undefined ? this.#availableBytes : (this.#sizeBytes ?? Infinity);
  }

  get recentBytes(): PartialBlob["recentBytes"] {
    return this.#own?.recentBytes;
  }

  async until(at: number): Promise<void> {
    const isWaiting = (): boolean => !this.#hasEnded() && this.#availableBytes <= at;
    while (isWaiting()) {
      await this.#look();
      if (isWaiting()) await pause(this.#lookAfterMs);
    }
    await this.#own?.until(at);
  }

  /**
   * Resolves with the size when the leader has written it; `undefined` if the blob was stored, or this process took over,
   * before that.
   */
  async sized(): Promise<number | undefined> {
    while (this.#sizeBytes === undefined && !this.#hasEnded()) {
      await this.#look();
      if (this.#sizeBytes === undefined) await pause(lookEveryMs);
    }
    return this.#sizeBytes;
  }

  /** Whether the leader's download has ended. */
  #hasEnded(): boolean {
    return this.#own !== undefined || this.#storageKey !== undefined;
  }

  /** All readers of this process share one poll, so that only one takes over. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookUnlessAbsent().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Rejects only after a longer absence of the database. */
  async #lookUnlessAbsent(): Promise<void> {
    try {
      await this.#lookOnce();
      this.#lookedAtMs = performance.now();
    } catch (error) {
      const isLong = performance.now() - this.#lookedAtMs > absenceAtMostMs;
      if (isLong || !(error instanceof DatabaseError)) throw error;
    }
  }

  async #lookOnce(): Promise<void> {
    const { store, look, find, isAlive, takeOver } = this.#parts;
    const fetch = await look();
    if (fetch === undefined || !isAlive(fetch)) {
      this.#storageKey = await find();
      if (this.#storageKey === undefined) this.#own = await takeOver();
      return;
    }
    this.#sizeBytes = fetch.sizeBytes ?? this.#sizeBytes;
    if (!store.capabilities.readsOpenUploads)
      this.#lookAfterMs = Math.min(longestLookMs, this.#lookAfterMs * longer);
    // Hold back the last byte until the leader has verified the digest.
    if (this.#sizeBytes !== undefined && store.capabilities.readsOpenUploads) {
      const received = await store.uploadSize(this.#parts.begun.storageReference);
      this.#availableBytes = Math.min(received, this.#sizeBytes - 1);
    }
  }
}
