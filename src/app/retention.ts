import { freedBytes } from "../catalog/tag-removal.ts";
import { createRetention, type Retention } from "../maintenance/retention/retention.ts";
import { createLeasePolicy } from "../registry/leases.ts";
import type { AppContext } from "./context.ts";

/** The retention policies of a process, with the pull counters and the sums that they need. */
export async function openRetention(context: AppContext): Promise<Retention> {
  const { actor, clock, config, leaseTimes, mirrored } = context;
  const database = await context.database();
  const { counts } = await context.pullCounters();
  return createRetention({
    ...{ actor, database, clock, mirrored, pulls: counts },
    graceMs: leaseTimes.graceMs,
    leasePolicy: createLeasePolicy(clock, leaseTimes),
    deletesUntagged: config.gc.deleteUntagged,
    frees: (removal, visibility, work) =>
      freedBytes(database.tagRemoval, removal, visibility, work),
  });
}
