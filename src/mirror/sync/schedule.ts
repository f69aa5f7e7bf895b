import { Cron } from "croner";
import type { Database } from "../../database/database.ts";
import { parseRepositoryName } from "../../oci/name.ts";
import type { Blobs } from "../../registry/blobs.ts";
import { createSyncPull, type SyncStep } from "./pull.ts";
import type { Mirror } from "../mirror.ts";
import type { Mirrors } from "../mirrors.ts";
import { createSyncPush } from "./push.ts";
import type { ScheduleSettings } from "../settings.ts";

export interface Schedule {
  readonly cron: string | undefined;
  /** The repository, and for a sync push its target. */
  readonly name: string;
  readonly run: (isDryRun: boolean) => AsyncIterable<SyncStep>;
}

interface Parts {
  readonly database: Pick<Database, "blobs" | "manifests" | "tags">;
  readonly blobs: Pick<Blobs, "open">;
}

/** Returns the schedules of all mirrors in the order of the configuration. */
export function schedulesOf(
  { list, byRegistry }: Pick<Mirrors, "list" | "byRegistry">,
  parts: Parts,
): readonly Schedule[] {
  const scheduleOf = (mirror: Mirror, settings: ScheduleSettings): Schedule => {
    const { cron, image, target } = settings;
    const { namespace } = mirror.settings;
    if (target !== undefined) {
      const repository = parseRepositoryName(image);
      const push = createSyncPush(mirror, parts);
      const name = `${image} to ${namespace}/${target}`;
      return {
        ...{ cron, name },
        run: (isDryRun) => push.schedule(repository, target, settings, isDryRun),
      };
    }
    const { mirrorRepository } = byRegistry(namespace, image);
    const pull = createSyncPull(mirror, parts.database);
    const name = mirrorRepository.repository;
    return { cron, name, run: (isDryRun) => pull.schedule(mirrorRepository, settings, isDryRun) };
  };
  return list.flatMap((mirror) =>
    mirror.settings.schedule.map((settings) => scheduleOf(mirror, settings)),
  );
}

/** Runs each schedule at its cron times. A schedule that still runs skips the next time. */
export function startSchedules(
  mirrors: Pick<Mirrors, "list" | "byRegistry">,
  { report, ...parts }: Parts & { readonly report: (error: unknown) => void },
): { stop(): void } {
  const jobs = schedulesOf(mirrors, parts).flatMap(({ cron, run }) => {
    if (cron === undefined) return [];
    const copy = async (): Promise<void> => {
      for await (const step of run(false)) if (step.kind === "failed") report(step.error);
    };
    return [new Cron(cron, { protect: true, unref: true, catch: report }, copy)];
  });
  return {
    stop() {
      for (const job of jobs) job.stop();
    },
  };
}
