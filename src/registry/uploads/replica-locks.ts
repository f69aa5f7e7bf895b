import { setTimeout as pause } from "node:timers/promises";
import { UploadLostError } from "../../../storage/blob-store.ts";
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
  readonly report: (error: unknown) => void;
}

/** A lock that this process has in the database. */
interface HeldRow {
  readonly abortController: AbortController;
  lastHeartbeatMs: number;
  /** When the last successful renewal was sent. */
  renewedAtMs: number;
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
  /**
   * When this process last ran without a pause, or sent a renewal that succeeded. If that is longer ago than a lock lasts,
   * its locks may be lost.
   */
  #runningAtMs = 0;
  #renewal: Promise<void> | undefined;

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
        const askedAtMs = performance.now();
        const hold = await this.#parts.coordination.holdUpload(upload, this.#parts.holder);
        if (hold.state !== "busy") {
          isAcquired = true;
          // An upload that has ended needs no lock in the database.
          return hold.state === "absent"
            ? { ...local, acquiredWithoutWaiting: false }
            : this.#lock(upload, local, { ...hold, askedAtMs });
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

  #lock(
    upload: string,
    local: UploadLock,
    hold: { readonly row: UploadRow; readonly isTakenOver: boolean; readonly askedAtMs: number },
  ): UploadLock {
    const { row, isTakenOver, askedAtMs } = hold;
    const abortController = new AbortController();
    const held = { abortController, lastHeartbeatMs: askedAtMs, renewedAtMs: askedAtMs };
    this.#held.set(upload, held);
    if (this.#timer === undefined) this.#startTimer();
    return {
      abortSignal: AbortSignal.any([local.abortSignal, abortController.signal]),
      acquiredWithoutWaiting: false,
      row,
      ownership: {
        isTakenOver,
        isCertain: () =>
          this.#held.get(upload) === held && performance.now() - held.renewedAtMs < heldMs,
        confirm: () =>
          performance.now() - this.#runningAtMs > heldMs ? this.#confirm(held) : undefined,
      },
      heartbeat: () => {
        held.lastHeartbeatMs = performance.now();
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

  async #confirm({ abortController }: HeldRow): Promise<void> {
    // This renewal may have been sent before the pause.
    await this.#renewal;
    await this.#renewAll();
    if (abortController.signal.aborted) throw new UploadLostError();
  }

  async #releaseRow(upload: string, isEnded: boolean): Promise<void> {
    this.#held.delete(upload);
    if (this.#held.size === 0) this.#stopTimer();
    if (!isEnded) await this.#parts.coordination.releaseUpload(upload, this.#parts.holder);
  }

  #startTimer(): void {
    this.#runningAtMs = performance.now();
    this.#timer = setInterval(() => this.#tick(), renewEveryMs).unref();
  }

  #tick(): void {
    const nowMs = performance.now();
    // After a pause the timer runs before the bytes that arrived meanwhile are read, so it must not hide the pause.
    if (nowMs - this.#runningAtMs <= heldMs) this.#runningAtMs = nowMs;
    if (this.#held.size > 0) void this.#renewAll();
    else this.#stopTimer();
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #renewAll(): Promise<void> {
    this.#renewal ??= this.#renew().finally(() => (this.#renewal = undefined));
    return this.#renewal;
  }

  async #renew(): Promise<void> {
    const { coordination, holder, report } = this.#parts;
    const asked = [...this.#held];
    const askedAtMs = performance.now();
    let renewed: ReadonlyMap<string, boolean>;
    try {
      renewed = await coordination.renewUploads(
        asked.map(([upload]) => upload),
        holder,
      );
    } catch (error) {
      report(error);
      return;
    }
    this.#runningAtMs = Math.max(this.#runningAtMs, askedAtMs);
    for (const [upload, held] of asked) {
      // Released meanwhile.
      if (this.#held.get(upload) !== held) continue;
      const isWanted = renewed.get(upload);
      const isSilent = performance.now() - held.lastHeartbeatMs > silentMs;
      // Lost to another process, or ended with the upload.
      if (isWanted === undefined) this.#held.delete(upload);
      else held.renewedAtMs = askedAtMs;
      if (isWanted === undefined || (isWanted && isSilent)) held.abortController.abort();
    }
  }
}
