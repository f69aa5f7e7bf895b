import { setTimeout as pause } from "node:timers/promises";
import type { UploadRow } from "../../database/registry/schema.ts";

/** The lock of the only writer of an upload. It ends with `release`, or when a newer request aborts it. */
export interface UploadLock {
  /** Aborts when a newer request wants the upload and no byte has arrived for 1 second: release the lock at once. */
  readonly abortSignal: AbortSignal;
  /** The holder calls it for every piece of bytes that arrives. */
  readonly heartbeat: () => void;
  /**
   * Releases the lock. When it resolves, a request of any process can acquire it. Rejects if another process cannot be
   * told; the lock then ends after 3 seconds.
   * @param isEnded the upload has ended, so that no other request wants it
   */
  readonly release: (isEnded?: boolean) => Promise<void> | void;
  /** The row of the upload when the lock was acquired; `undefined`: it was not read. */
  readonly row?: UploadRow | undefined;
  /** `undefined`: the lock cannot be lost, because all its requests are in this process. */
  readonly ownership?: LockOwnership | undefined;
  /**
   * True if the lock was free when it was requested. If the caller did not wait between reading the session and
   * requesting the lock, no other request can have changed the session in between.
   */
  readonly acquiredWithoutWaiting: boolean;
}

/** A lock that another process takes if this one does not renew it, because it was paused or cut off. */
export interface LockOwnership {
  /** A process has lost the lock in this manner, and may still write to the upload. */
  readonly isTakenOver: boolean;
  /** True: no other process can have the lock now. */
  isCertain(): boolean;
  /** After a pause of this process, resolves when the lock was renewed. Rejects with UploadLostError if it is lost. */
  confirm(): Promise<void> | undefined;
}

interface Holder {
  readonly abortController: AbortController;
  readonly released: Promise<void>;
  lastHeartbeatMs: number;
}

/** A holder without a heartbeat for this long is treated as a dead connection. */
export const silentMs = 1_000;
/** A newer request waits this long for a holder that still receives bytes. */
export const waitAtMostMs = 5_000;
const lookEveryMs = 100;

export interface UploadLocks {
  /** The lock; `undefined` if another request still holds it after 5 seconds. */
  acquire(upload: string): Promise<UploadLock | undefined>;
  isHeld(upload: string): Promise<boolean>;
  /** A lock is a row, which costs a round trip to the database. */
  readonly areRows?: boolean;
}

/**
 * Locks uploads: one writer per upload, for all requests that use these locks. A client that lost its connection may
 * reconnect before this process notices the loss. The newer request then takes over the lock of the silent one.
 */
export function createUploadLocks(): UploadLocks {
  const holders = new Map<string, Holder>();

  const lock = (upload: string, acquiredWithoutWaiting: boolean): UploadLock => {
    let release = (): void => undefined;
    const abortController = new AbortController();
    const holder: Holder = {
      abortController,
      lastHeartbeatMs: performance.now(),
      released: new Promise((resolve) => {
        release = () => {
          if (holders.get(upload) === holder) holders.delete(upload);
          resolve();
        };
      }),
    };
    holders.set(upload, holder);
    return {
      abortSignal: abortController.signal,
      heartbeat: () => {
        holder.lastHeartbeatMs = performance.now();
      },
      release: () => release(),
      acquiredWithoutWaiting,
    };
  };

  return {
    async acquire(upload) {
      const deadline = performance.now() + waitAtMostMs;
      for (let waited = false; ; waited = true) {
        const holder = holders.get(upload);
        if (holder === undefined) return lock(upload, !waited);
        if (performance.now() > deadline) return undefined;
        if (performance.now() - holder.lastHeartbeatMs > silentMs) holder.abortController.abort();
        await Promise.race([holder.released, pause(lookEveryMs)]);
      }
    },
    isHeld: async (upload) => holders.has(upload),
  };
}
