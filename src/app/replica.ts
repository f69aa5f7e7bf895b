import { hostname } from "node:os";
import { packageVersion } from "../config/package-version.ts";
import type { Coordination } from "../database/coordination.ts";
import { createLeadership, soleLeadership, type Leadership } from "../coordination/leadership.ts";
import { demandOneHost, joinReplicas } from "../coordination/presence.ts";
import { matchInstance } from "../maintenance/recovery.ts";
import { ReplicaLocks } from "../registry/uploads/replica-locks.ts";
import type { AppContext } from "./context.ts";

/*
 * The parts of a process that shares its database with others: PostgreSQL, any number of replicas. With SQLite a data
 * folder has one server, and these parts write no rows.
 */

/** The locks of uploads among replicas. */
export const createReplicaLocks = (context: AppContext, coordination: Coordination): ReplicaLocks =>
  new ReplicaLocks({
    coordination,
    holder: context.replicaId,
    report: (error) =>
      context.logger.warn({ err: error }, "the locks of uploads could not be renewed"),
  });

/** Who does the work that only one process does. */
export async function leadershipOf(context: AppContext): Promise<Leadership> {
  const { replicaId, logger } = context;
  const { coordination } = await context.database();
  if (coordination === undefined) return soleLeadership;
  return createLeadership({
    coordination,
    replicaId,
    log: logger,
    report: (error) => logger.warn({ err: error }, "the lease of a leader could not be renewed"),
  });
}

/**
 * Makes this process a replica. `begin` prepares an empty database and an empty store; only one process at a time runs
 * it. Throws SeveralHostsError and MismatchError.
 */
export async function joinAsReplica<T>(
  context: AppContext,
  coordination: Coordination,
  begin: () => Promise<T>,
): Promise<T> {
  const { config, replicaId: id, databaseClock: clock, logger: log } = context;
  const replica = { id, host: hostname(), version: packageVersion() };
  const store = await context.store();
  const database = await context.database();
  const report = (error: unknown): void =>
    log.warn({ err: error }, "the row of this replica could not be written");
  return await coordination.runAlone(async () => {
    if (config.storage.driver === "filesystem") await demandOneHost(coordination, replica.host);
    const presence = await joinReplicas({ coordination, replica, clock, log, report });
    context.onClose(() => presence.close());
    await matchInstance({ store, database });
    return await begin();
  });
}
