import type { PostgresPool } from "./connection.ts";
import { isConnectionLost } from "./errors.ts";

/** Reads alone. */
export type ReadPool = Pick<PostgresPool, "read" | "lostConnections">;

/** A standby that failed is not asked for this time. */
const pauseMs = 5_000;

/** Reads from a standby, and from the primary while the standby cannot be reached. */
export function createStandbyReads(standby: ReadPool, primary: ReadPool): ReadPool {
  let awayUntilMs = -Infinity;
  let changes = 0;

  return {
    async read<Row>(text: string, values?: readonly unknown[]) {
      if (performance.now() < awayUntilMs) return await primary.read<Row>(text, values);
      try {
        return await standby.read<Row>(text, values);
      } catch (error) {
        if (!isConnectionLost(error)) throw error;
        // A list of the primary must not stay in a cache under a version of the standby.
        changes += 1;
        awayUntilMs = performance.now() + pauseMs;
        return await primary.read<Row>(text, values);
      }
    },
    lostConnections() {
      const isAway = performance.now() < awayUntilMs;
      const lost = isAway ? primary.lostConnections() : standby.lostConnections();
      return 2 * (changes + lost) + (isAway ? 1 : 0);
    },
  };
}
