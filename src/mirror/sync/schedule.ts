import { Cron } from "croner";
import picomatch from "picomatch";
import { compare } from "semver";
import type { Database } from "../../database/contract.ts";
import { parseRepositoryName, type RepositoryName } from "../../oci/name.ts";
import { isInRange, versionOf } from "../../oci/tag-versions.ts";
import type { Blobs } from "../../registry/blobs.ts";
import type { Jobs } from "../../coordination/jobs.ts";
import type { Leadership } from "../../coordination/leadership.ts";
import type { Mirror } from "../mirror.ts";
import type { MirrorRepository } from "../repository.ts";
import type { ScheduleSettings } from "../settings.ts";
import { createSyncPull, failedStep, type SyncStep } from "./pull.ts";
import { syncJob } from "./jobs.ts";
import { createSyncPush } from "./push.ts";

export interface Schedule {
  readonly cron: string | undefined;
  /** The repository, and for a sync push its target. Of several with the same image, the second ends with ` (2)`. */
  readonly name: string;
  /** The namespace of its mirror. */
  readonly mirror: string;
  readonly run: (isDryRun: boolean) => AsyncIterable<SyncStep>;
}

interface Mirrors {
  readonly list: readonly Mirror[];
  readonly byRegistry: (
    ns: string,
    name: string,
  ) => { readonly mirrorRepository: MirrorRepository };
  /** As in `Mirrored`. */
  readonly hold: () => () => void;
}

interface Parts {
  readonly database: Pick<Database, "blobs" | "facts" | "manifests" | "tags">;
  readonly blobs: Pick<Blobs, "open">;
}

/** Returns the schedules of all mirrors in the order of the configuration. */
export function schedulesOf(
  { list, byRegistry, hold }: Mirrors,
  parts: Parts,
): readonly Schedule[] {
  const known = new Map<string, number>();
  const unique = (name: string): string => {
    const count = (known.get(name) ?? 0) + 1;
    known.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  };
  const scheduleOf = (mirror: Mirror, settings: ScheduleSettings): Schedule => {
    const { cron, image, target } = settings;
    const { namespace } = mirror.settings;
    if (target !== undefined) {
      const repository = parseRepositoryName(image);
      return {
        cron,
        mirror: namespace,
        name: unique(`${image} to ${namespace}/${target}`),
        run: (isDryRun) =>
          holding(hold, push(mirror, parts, { repository, name: target, settings, isDryRun })),
      };
    }
    const { mirrorRepository } = byRegistry(namespace, image);
    return {
      cron,
      mirror: namespace,
      name: unique(mirrorRepository.repository),
      run: (isDryRun) =>
        holding(hold, pull(mirror, parts, { mirrorRepository, settings, isDryRun })),
    };
  };
  return list.flatMap((mirror) =>
    mirror.settings.schedule.map((settings) => scheduleOf(mirror, settings)),
  );
}

/** The steps; the mirror stays open until they end. */
export async function* holding<T>(
  hold: () => () => void,
  steps: AsyncIterable<T>,
): AsyncGenerator<T> {
  const release = hold();
  try {
    yield* steps;
  } finally {
    release();
  }
}

/** Copies the upstream's tags that a schedule selects. If the list request fails, yields one failed step. */
async function* pull(
  mirror: Mirror,
  { database }: Parts,
  run: {
    readonly mirrorRepository: MirrorRepository;
    readonly settings: ScheduleSettings;
    readonly isDryRun: boolean;
  },
): AsyncGenerator<SyncStep> {
  const { mirrorRepository, settings, isDryRun } = run;
  const { platforms, referrers } = settings;
  const syncPull = createSyncPull(mirror, database);
  let tags: readonly string[];
  try {
    tags = selectTags(settings, await syncPull.listTags(mirrorRepository));
  } catch (error) {
    yield failedStep(mirrorRepository.repository, error);
    return;
  }
  yield* syncPull.images(mirrorRepository, tags, { platforms, referrers, isDryRun });
}

/** Copies the tags that a schedule selects from a hosted repository to the upstream repository `name`. */
async function* push(
  mirror: Mirror,
  parts: Parts,
  run: {
    readonly repository: RepositoryName;
    readonly name: string;
    readonly settings: ScheduleSettings;
    readonly isDryRun: boolean;
  },
): AsyncGenerator<SyncStep> {
  const { repository, name, settings, isDryRun } = run;
  const syncPush = createSyncPush(mirror, parts);
  const tags = selectTags(settings, await syncPush.listTags(repository));
  const options = { referrers: settings.referrers, isDryRun };
  yield* syncPush.images({ repository, name }, tags, options);
}

/**
 * Runs each schedule at its cron times. A schedule that still runs skips the next time. Of several processes, the first
 * one to take a time runs the schedule.
 */
export function startSchedules(
  mirrors: Mirrors,
  {
    report,
    leadership,
    jobs,
    ...parts
  }: Parts & {
    readonly leadership: Pick<Leadership, "takeScheduleRun">;
    readonly jobs: Pick<Jobs, "runOnTime">;
    readonly report: (error: unknown) => void;
  },
): { readonly stop: () => void } {
  const timers = schedulesOf(mirrors, parts).flatMap((schedule, index) => {
    const { cron, name } = schedule;
    if (cron === undefined) return [];
    // An image may have several schedules.
    const key = `${index} ${name}`;
    const copy = async (timer: Cron): Promise<void> => {
      // The time of the expression, and not that of the timer, so that it is the same for all processes. The reference is
      // exclusive, and the timer may run in the millisecond of the time.
      const [time] = timer.previousRuns(1, new Date((timer.currentRun()?.getTime() ?? 0) + 1));
      if (time === undefined || !(await leadership.takeScheduleRun(key, time.getTime()))) return;
      await jobs.runOnTime(syncJob(schedule, { isDryRun: false, report }));
    };
    return [new Cron(cron, { protect: true, unref: true, catch: report }, copy)];
  });
  return {
    stop() {
      for (const timer of timers) timer.stop();
    },
  };
}

/** When a schedule runs next; `undefined`: only `berth mirror sync` runs it. */
export function nextRunOf({ cron }: Pick<Schedule, "cron">, nowMs: number): number | undefined {
  if (cron === undefined) return undefined;
  return new Cron(cron, { paused: true }).nextRun(new Date(nowMs))?.getTime();
}

/**
 * Returns the tags that match a glob, are in the semver range, and are among the newest `keepNewest` versions. With
 * `semver` or `keepNewest` the newest version comes first; otherwise the tags keep their order.
 */
function selectTags<T extends string>(
  { tags: globs, semver, keepNewest }: Pick<ScheduleSettings, "tags" | "semver" | "keepNewest">,
  tags: readonly T[],
): readonly T[] {
  const matches = picomatch([...globs], { dot: true });
  const named = tags.filter((tag) => matches(tag));
  if (semver === undefined && keepNewest === undefined) return named;
  return named
    .flatMap((tag) => {
      const version = versionOf(tag);
      const fits = version !== undefined && (semver === undefined || isInRange(version, semver));
      return version !== undefined && fits ? [{ tag, version }] : [];
    })
    .toSorted((a, b) => compare(b.version, a.version))
    .slice(0, keepNewest)
    .map(({ tag }) => tag);
}
