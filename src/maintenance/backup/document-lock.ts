import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import type { DocumentStore } from "../../../storage/documents.ts";
import { backupInUse, type BackupLock } from "./target.ts";

/** Milliseconds. */
export interface LockTimes {
  /** A run writes its document again after this time. */
  readonly beatMs: number;
  /** A document that has not changed for this time is that of a killed run. */
  readonly deadAfterMs: number;
  /** How often a run reads the document of another one. */
  readonly lookAgainMs: number;
}

const usualTimes: LockTimes = { beatMs: 20_000, deadAfterMs: 90_000, lookAgainMs: 5_000 };

/**
 * A lock in a store that has none, such as a bucket. Each run writes a document of its own and then lists those of others,
 * so of two runs at the same time at least one finds the other. No clock of another machine is compared.
 * @throws BackupError if another run is alive
 */
export async function lockByDocuments(
  locks: DocumentStore,
  location: string,
  times: LockTimes = usualTimes,
): Promise<BackupLock> {
  const id = randomUUID();
  const lost = new AbortController();
  let beats = 0;
  const beat = (): Promise<void> => {
    beats += 1;
    return locks.write(id, JSON.stringify({ beats, host: hostname(), process: process.pid }));
  };
  const renew = async (): Promise<void> => {
    // This process was paused for so long that another run took it for killed.
    if ((await locks.read(id)) === undefined) lost.abort(backupInUse(location));
    else await beat();
  };
  await beat();
  let renewing = Promise.resolve();
  const timer = setInterval(() => {
    // A failed renewal is tried again.
    renewing = renewing.then(renew).catch(() => undefined);
  }, times.beatMs).unref();
  const release = async (): Promise<void> => {
    clearInterval(timer);
    await renewing;
    await locks.remove(id);
  };
  try {
    for (const other of await locks.list())
      if (other !== id) await outlive(locks, other, { location, times });
  } catch (error) {
    await release();
    throw error;
  }
  return { signal: lost.signal, release };
}

/** Removes the document of a killed run. Throws BackupError if the run is alive. */
async function outlive(
  locks: DocumentStore,
  other: string,
  { location, times }: { readonly location: string; readonly times: LockTimes },
): Promise<void> {
  const first = await locks.read(other);
  const untilMs = performance.now() + times.deadAfterMs;
  for (let last = first; last !== undefined; last = await locks.read(other)) {
    if (last !== first) throw backupInUse(location);
    if (performance.now() > untilMs) return await locks.remove(other);
    await pause(times.lookAgainMs);
  }
}
