import { setTimeout as pause } from "node:timers/promises";

/** The right to write to one upload, until it is released or asked for by somebody newer. */
export interface UploadLock {
  /** Aborts when a newer request wants the upload and this one has not moved for a while: let go at once. */
  readonly abortSignal: AbortSignal;
  /** Says that bytes still arrive. */
  readonly heartbeat: () => void;
  readonly release: () => void;
  /** Nobody can have held the upload since the caller last looked, had it looked without waiting in between. */
  readonly acquiredWithoutWaiting: boolean;
}

interface Holder {
  readonly abortController: AbortController;
  readonly released: Promise<void>;
  lastHeartbeatMs: number;
}

/** A holder whose bytes have not moved for this long is taken for a dead connection. */
const silentMs = 1_000;
/** A newer request waits this long for a holder whose bytes do move. */
const patienceMs = 5_000;
const lookEveryMs = 100;

export interface UploadLocks {
  /** The hold, or `undefined` if somebody else is busy with the upload and stays so. */
  acquire(upload: string): Promise<UploadLock | undefined>;
  isHeld(upload: string): Promise<boolean>;
}

/**
 * One writer an upload, for all who share these locks. A client that lost its connection comes back before we notice:
 * the newer request then takes over from the silent one.
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
      const deadline = performance.now() + patienceMs;
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
