import type { Database } from "../database/contract.ts";
import type { Clock } from "../registry/leases.ts";
import { scheduleTask, type MaintenanceTask } from "./scheduled-task.ts";

/* `audit.keep`: the age at which entries of the audit log are deleted. */

interface Parts {
  readonly database: Pick<Database, "commands">;
  readonly clock: Clock;
  readonly report: {
    info(facts: object, message: string): void;
    error(facts: object, message: string): void;
  };
  /** The age in milliseconds; `undefined`: no entry is deleted. */
  readonly keepMs: number | undefined;
  /** Entries that the receiver of `audit.forward` does not have yet stay. */
  readonly isForwarded: boolean;
}

const everyMs = 3_600_000;
/** A clock that is wrong after a start must not delete entries: it is usually set by then. */
const waitAfterClockSetMs = 600_000;
/** With SQLite pushes wait for each step. */
const deletedAtOnce = 500;
const stepsPerSecond = 20;

/** Deletes old entries every hour, in steps. */
export function scheduleAuditPruning(parts: Parts): MaintenanceTask {
  const { keepMs, clock, report } = parts;
  return scheduleTask({
    everyMs: keepMs === undefined ? 0 : everyMs,
    waitAfterClockSetMs,
    stepsPerSecond,
    clock,
    steps: () => pruneAuditLog(parts),
    onError: (error) =>
      report.error({ err: error }, "old entries of the audit log could not be deleted"),
  });
}

/** Deletes the entries that are older than `keepMs`: at most 500 in a step, and yields after each. */
export async function* pruneAuditLog({
  database,
  clock,
  report,
  keepMs,
  isForwarded,
}: Parts): AsyncGenerator<void> {
  if (keepMs === undefined) return;
  const beforeMs = clock() - keepMs;
  let all = 0;
  try {
    for (let deleted = deletedAtOnce; deleted === deletedAtOnce;) {
      const slice = { beforeMs, isForwarded, limit: deletedAtOnce };
      deleted = await database.commands.pruneAudit(slice);
      all += deleted;
      yield;
    }
  } finally {
    if (all > 0)
      report.info({ deleted: all }, "old entries of the audit log were deleted (audit.keep)");
  }
}
