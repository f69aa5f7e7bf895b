import { setTimeout as pause } from "node:timers/promises";
import type { Coordination, Replica, SeenReplica } from "../database/coordination.ts";
import type { DatabaseClock } from "./database-clock.ts";

const seenEveryMs = 5_000;
/** A replica that was not seen for this long counts as dead. */
const deadAfterMs = 15_000;

/** Two replicas on several machines would use blobs in folders of their own. */
export class SeveralHostsError extends Error {
  override readonly name = "SeveralHostsError";
}

interface PresenceParts {
  readonly coordination: Pick<Coordination, "seeReplica" | "forgetReplica">;
  readonly replica: Replica;
  readonly clock: DatabaseClock;
  readonly log: { warn(facts: object, message: string): void };
  readonly report: (error: unknown) => void;
}

/**
 * Records this process as a replica, every 5 s until `close`. Each record also measures the clock. Resolves after the
 * first record.
 */
export async function joinReplicas(parts: PresenceParts): Promise<{ close(): Promise<void> }> {
  const { coordination, replica, clock, log, report } = parts;
  let problem: string | undefined;
  let writing: Promise<void> | undefined;
  const see = async (): Promise<void> => {
    await clock.measure(() => coordination.seeReplica(replica));
    const found = clock.problem();
    if (found !== undefined && problem === undefined) log.warn({}, found);
    problem = found;
  };
  const seeAgain = (): void => {
    writing ??= see()
      .catch(report)
      .finally(() => (writing = undefined));
  };
  await see();
  const timer = setInterval(seeAgain, seenEveryMs).unref();
  return {
    close: async () => {
      clearInterval(timer);
      // It would write the row again.
      await writing;
      // A row that stays is forgotten after 60 s.
      await coordination.forgetReplica(replica.id).catch(report);
    },
  };
}

/**
 * Rejects with {@link SeveralHostsError} if a replica on another host is alive. Waits until it is seen again or counts
 * as dead, at most 15 s: after a crash, its container may start again under another host name.
 */
export async function demandOneHost(
  coordination: Pick<Coordination, "listReplicas">,
  host: string,
): Promise<void> {
  const isElsewhere = (other: SeenReplica): boolean =>
    other.host !== host && other.unseenMs < deadAfterMs;
  let known: ReadonlyMap<string, number> | undefined;
  for (;;) {
    const others = (await coordination.listReplicas()).filter(isElsewhere);
    // Seen again: its row is younger than before.
    const alive = others.find(({ id, unseenMs }) => unseenMs < (known?.get(id) ?? 0));
    if (alive !== undefined) throw severalHosts(host, alive.host);
    if (others.length === 0) return;
    known = new Map(others.map(({ id, unseenMs }) => [id, unseenMs]));
    await pause(lookEveryMs);
  }
}

const lookEveryMs = 1_000;

const severalHosts = (ours: string, theirs: string): SeveralHostsError =>
  new SeveralHostsError(
    `a replica on the host ${theirs} uses this database, and this host is ${ours}: with storage.driver filesystem all replicas must run on one machine. Use storage.driver s3. Containers on one machine that share the data folder need the same host name`,
  );
