import type { Coordination } from "../database/coordination.ts";

/** A lease ends this long after its last renewal. */
const leaseMs = 15_000;
const renewEveryMs = 5_000;

/** Work in the background that can be stopped. */
export interface Stoppable {
  /** Resolves when the work has ended. */
  stop(): Promise<void> | void;
}

/** Runs work that only one process of a database does at a time. */
export interface Leadership {
  /**
   * Calls `start` when this process becomes the leader for `name`, and stops that work when another process may have
   * become the leader. A process that was paused may overlap with its successor for a moment, so the work must be correct
   * if it runs twice; the lease only saves the second run.
   */
  runAsLeader(name: string, start: () => Stoppable): Stoppable;
  /** False: another process has run the schedule for this time. A change of the leader then runs it once. */
  takeScheduleRun(name: string, atMs: number): Promise<boolean>;
}

/** The leadership of the only server of a data folder: it is always the leader. */
export const soleLeadership: Leadership = {
  runAsLeader: (_name, start) => start(),
  takeScheduleRun: async () => true,
};

/** The leadership among replicas, by leases in the database. */
export function createLeadership(parts: {
  readonly coordination: Pick<Coordination, "takeLease" | "releaseLease" | "takeScheduleRun">;
  readonly replicaId: string;
  readonly log: { info(facts: object, message: string): void };
  readonly report: (error: unknown) => void;
  /** Milliseconds between two renewals; tests use fewer. */
  readonly everyMs?: number;
}): Leadership {
  const { everyMs = renewEveryMs } = parts;
  return {
    takeScheduleRun: (name, atMs) => parts.coordination.takeScheduleRun(name, atMs),
    runAsLeader(name, start) {
      const leader = new Leader(parts, name, start);
      void leader.renew();
      const timer = setInterval(() => void leader.renew(), everyMs).unref();
      return {
        stop: async () => {
          clearInterval(timer);
          await leader.resign();
        },
      };
    },
  };
}

class Leader {
  readonly #parts: Parameters<typeof createLeadership>[0];
  readonly #name: string;
  readonly #start: () => Stoppable;
  #work: Stoppable | undefined;
  #renewedAtMs = 0;
  #isEnding = false;
  /** Renewals run one after another: a slow database must not pile them up. */
  #renewal: Promise<void> | undefined;

  constructor(parts: Parameters<typeof createLeadership>[0], name: string, start: () => Stoppable) {
    this.#parts = parts;
    this.#name = name;
    this.#start = start;
  }

  renew(): Promise<void> {
    this.#renewal ??= this.#renew().finally(() => (this.#renewal = undefined));
    return this.#renewal;
  }

  async #renew(): Promise<void> {
    const { coordination, replicaId, report, log } = this.#parts;
    const beganAtMs = performance.now();
    try {
      const term = await coordination.takeLease(this.#name, replicaId, leaseMs);
      if (term === undefined) return await this.#stopWork("another replica leads");
      this.#renewedAtMs = beganAtMs;
      if (this.#work !== undefined || this.#isEnding) return;
      log.info({ work: this.#name, term }, "this replica leads");
      this.#work = this.#start();
    } catch (error) {
      report(error);
      if (performance.now() - this.#renewedAtMs > leaseMs) await this.#stopWork("the lease ended");
    }
  }

  async #stopWork(why: string): Promise<void> {
    const work = this.#work;
    if (work === undefined) return;
    this.#work = undefined;
    this.#parts.log.info({ work: this.#name }, `this replica does not lead any more: ${why}`);
    await work.stop();
  }

  async resign(): Promise<void> {
    const { coordination, replicaId, report } = this.#parts;
    this.#isEnding = true;
    await this.#renewal;
    const work = this.#work;
    this.#work = undefined;
    await work?.stop();
    // A lease that is not released ends by itself.
    await coordination.releaseLease(this.#name, replicaId).catch(report);
  }
}
