import { setTimeout as pause } from "node:timers/promises";
import type { Coordination } from "../../database/coordination.ts";
import type { UploadRow } from "../../database/registry/schema.ts";
import {
  createUploadLocks,
  silentMs,
  waitAtMostMs,
  type UploadLock,
  type UploadLocks,
} from "./locks.ts";

/** Locks are renewed this often. */
const renewEveryMs = 1_000;
/** The database ends a lock this long after its last renewal. */
const heldMs = 3_000;
const lookEveryMs = 100;

interface ReplicaLocksParts {
  readonly coordination: Pick<
    Coordination,
    "holdUpload" | "renewUploads" | "releaseUpload" | "isUploadHeld"
  >;
  /** Identifies this process. */
  readonly holder: string;
  /**
   * Bytes that a late writer stores are not part of the upload that another process commits, as in S3. False: they may
   * be, as in a file.
   */
  readonly lateWritesAreHarmless: boolean;
  readonly report: (error: unknown) => void;
}

/** A lock that this process has in the database. */
interface HeldRow {
  readonly abortController: AbortController;
  lastHeartbeatMs: number;
}

/**
 * Locks uploads among replicas: the row of an upload names the process that writes to it. Within a process the requests
 * take turns by locks in memory, so that only one of them asks for the row.
 *
 * A process that does not renew its lock for 3 s may have lost it. While the database is away no process can take it.
 */
export class ReplicaLocks implements UploadLocks {
  readonly areRows = true;
  readonly #parts: ReplicaLocksParts;
  readonly #local = createUploadLocks();
  readonly #held = new Map<string, HeldRow>();
  /** Runs only while there are locks. */
  #timer: NodeJS.Timeout | undefined;
  #renewal: Promise<void> | undefined;
  /** The time of the last renewal, or of the first lock since there were none. */
  #renewedAtMs = 0;

  constructor(parts: ReplicaLocksParts) {
    this.#parts = parts;
  }

  async acquire(upload: string): Promise<UploadLock | undefined> {
    const untilMs = performance.now() + waitAtMostMs;
    const local = await this.#local.acquire(upload);
    if (local === undefined) return undefined;
    let isAcquired = false;
    try {
      // A newer request of this process takes the lock over from this one while it waits.
      while (!local.abortSignal.aborted) {
        const hold = await this.#parts.coordination.holdUpload(upload, this.#parts.holder);
        if (hold.state !== "busy") {
          isAcquired = true;
          return this.#lock(upload, local, hold.state === "held" ? hold.row : undefined);
        }
        if (performance.now() > untilMs) return undefined;
        await pause(lookEveryMs);
      }
      return undefined;
    } finally {
      if (!isAcquired) await local.release();
    }
  }

  async isHeld(upload: string): Promise<boolean> {
    return (
      (await this.#local.isHeld(upload)) || (await this.#parts.coordination.isUploadHeld(upload))
    );
  }

  /** @param row `undefined`: the upload has no row, and needs no lock in the database */
  #lock(upload: string, local: UploadLock, row: UploadRow | undefined): UploadLock {
    const abortController = new AbortController();
    const held: HeldRow = { abortController, lastHeartbeatMs: performance.now() };
    if (row !== undefined) this.#keep(upload, held);
    return {
      abortSignal: AbortSignal.any([local.abortSignal, abortController.signal]),
      acquiredWithoutWaiting: false,
      row,
      heartbeat: () => {
        held.lastHeartbeatMs = performance.now();
        // The process was paused, and another one may write to the upload by now.
        if (row !== undefined && this.#isLate(held.lastHeartbeatMs)) abortController.abort();
        local.heartbeat();
      },
      release: async (isEnded = false) => {
        try {
          if (this.#held.get(upload) === held) await this.#releaseRow(upload, isEnded);
        } finally {
          await local.release();
        }
      },
    };
  }

  #isLate(nowMs: number): boolean {
    return !this.#parts.lateWritesAreHarmless && nowMs - this.#renewedAtMs > heldMs;
  }

  #keep(upload: string, held: HeldRow): void {
    this.#held.set(upload, held);
    if (this.#timer !== undefined) return;
    this.#renewedAtMs = performance.now();
    this.#timer = setInterval(() => void this.#renewAll(), renewEveryMs).unref();
  }

  async #releaseRow(upload: string, isEnded: boolean): Promise<void> {
    this.#held.delete(upload);
    if (this.#held.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    if (isEnded) return;
    await this.#parts.coordination.releaseUpload(upload, this.#parts.holder);
  }

  #renewAll(): Promise<void> {
    this.#renewal ??= this.#renew().finally(() => (this.#renewal = undefined));
    return this.#renewal;
  }

  async #renew(): Promise<void> {
    const { coordination, holder, report } = this.#parts;
    const asked = [...this.#held];
    this.#renewedAtMs = performance.now();
    let renewed: ReadonlyMap<string, boolean>;
    try {
      renewed = await coordination.renewUploads(
        asked.map(([upload]) => upload),
        holder,
      );
    } catch (error) {
      // If the database is away, no other process can take the locks either.
      report(error);
      return;
    }
    for (const [upload, held] of asked) {
      const isWanted = renewed.get(upload);
      const isSilent = performance.now() - held.lastHeartbeatMs > silentMs;
      // Lost to another process, or ended with the upload.
      if (isWanted === undefined || (isWanted && isSilent)) held.abortController.abort();
    }
  }
}
