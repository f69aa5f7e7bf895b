import { matchInstance, recover } from "./recovery.ts";
import type { MaintenanceTask } from "./scheduled-task.ts";
import { cleanUpSessions, cleanUpUploads, startTasks, type MaintenanceParts } from "./tasks.ts";

const hourMs = 3_600_000;

/**
 * Runs maintenance in the only server of a data folder. Resolves at the end of the start phase: the store and the
 * database match, expired uploads are deleted, and lost blobs are marked as missing. Then deletions, collections and
 * scrubs run while the server answers requests.
 */
export async function startMaintenance(
  parts: MaintenanceParts,
): Promise<{ close(): Promise<void> }> {
  const { database, clock, report } = parts;
  await matchInstance(parts);
  const recovery = await recover(parts);
  if (recovery !== undefined)
    report.warn(recovery, "the last process did not stop cleanly; its blobs were checked");
  await cleanUpUploads(parts);
  await cleanUpSessions(parts);

  const tasks = startTasks(parts);
  const hourly = setInterval(() => {
    // Recovery need not check older blobs: they were flushed before their rows were written, and no failure has
    // occurred since.
    const checkpoint = { checkpointedAtMs: clock() - hourMs, cleanStop: false };
    database.commands.checkpoint(checkpoint).catch((error: unknown) => {
      report.error({ err: error }, "the checkpoint of the blobs could not be written");
    });
  }, hourMs).unref();

  return {
    close: async () => {
      clearInterval(hourly);
      await tasks.stop();
      await database.commands
        .checkpoint({ checkpointedAtMs: clock(), cleanStop: true })
        .catch((error: unknown) =>
          report.error(
            { err: error },
            "the clean stop could not be recorded; the next start checks the blobs",
          ),
        );
    },
  };
}

/**
 * Starts maintenance in the replica that leads, of several on one database. There is no recovery: PostgreSQL recovers
 * itself, and the end of one replica says nothing about the others.
 */
export function startLeaderMaintenance(parts: MaintenanceParts): MaintenanceTask {
  const cleaning = Promise.all([cleanUpUploads(parts), cleanUpSessions(parts)]);
  const tasks = startTasks(parts);
  return {
    stop: async () => {
      await Promise.all([cleaning, tasks.stop()]);
    },
  };
}
