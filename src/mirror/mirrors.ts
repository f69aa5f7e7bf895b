import type { RepositoryName } from "../oci/name.ts";
import { createResponseReader } from "./upstream/responses.ts";
import { registerProcess } from "./pull/process-registry.ts";
import { deleteStaleDownloads } from "./pull/stale-downloads.ts";
import { createListStore } from "./cache/list-cache.ts";
import { createMirror, type Mirror, type MirrorParts } from "./mirror.ts";
import { createProcessId } from "./pull/process-id.ts";
import { createEventLoopScheduler } from "./pull/event-loop-scheduler.ts";
import type { MirrorRepository } from "./repository.ts";
import { createRouting } from "./routing.ts";
import { startSchedules } from "./sync/schedule.ts";
import type { MirrorSettings } from "./settings.ts";

/** A mirror and one of its repositories. */
export interface Mirrored {
  readonly mirror: Mirror;
  readonly mirrorRepository: MirrorRepository;
  /** The request named the mirror. `false`: the root mirror answers because no hosted repository has the name. */
  readonly isDirect: boolean;
}

/** All mirrors of this process. */
export interface Mirrors {
  readonly list: readonly Mirror[];
  /** See `routing.ts`. */
  byName(repository: RepositoryName, asked: string): Mirrored | undefined;
  byRegistry(ns: string, asked: string): Mirrored;
  close(): Promise<void>;
}

const flushEveryMs = 5_000;
const clearEveryMs = 60 * 60 * 1000;

export async function openMirrors(
  settings: readonly MirrorSettings[],
  parts: Omit<MirrorParts, "processId" | "processRegistry" | "scheduler" | "responses" | "lists">,
  { runsSchedules }: { readonly runsSchedules: boolean },
): Promise<Mirrors> {
  const { database, clock, report } = parts;
  const { processId, release } = createProcessId();
  for (const { namespace, visibility } of settings)
    await database.run("alignMirror", { namespace, visibility, nowMs: clock() });
  const processRegistry = await registerProcess({ database, processId, clock, report });
  const shared = {
    ...{ processId, processRegistry, scheduler: createEventLoopScheduler() },
    ...{ responses: createResponseReader(), lists: createListStore() },
  };
  const list = settings.map((one) => createMirror(one, { ...parts, ...shared }));
  const byNamespace = new Map(list.map((mirror) => [mirror.settings.namespace, mirror]));
  const routing = createRouting(settings, (name) => database.repositoryCache.factsOf(name));
  const flushing = setInterval(() => {
    for (const mirror of list) mirror.flush().catch(report);
  }, flushEveryMs).unref();

  const clear = (): Promise<void> => deleteStaleDownloads(parts).catch(report);
  await clear();
  const clearing = setInterval(() => void clear(), clearEveryMs).unref();

  const found = (
    route: ReturnType<typeof routing.byRegistry> | undefined,
  ): Mirrored | undefined => {
    const mirror = route && byNamespace.get(route.namespace);
    if (route === undefined || mirror === undefined) return undefined;
    const { repository, name, isDirect } = route;
    return { mirror, mirrorRepository: { repository, name }, isDirect };
  };
  const byRegistry = (ns: string, asked: string): Mirrored => {
    const mirrored = found(routing.byRegistry(ns, asked));
    if (mirrored === undefined) throw new TypeError(`the mirror of ${ns} has not been opened`);
    return mirrored;
  };
  if (runsSchedules) for (const mirror of list) mirror.learnPlatforms();
  const schedules = runsSchedules ? startSchedules({ list, byRegistry }, parts) : undefined;
  return {
    list,
    byName: (repository, asked) => found(routing.byName(repository, asked)),
    byRegistry,
    async close() {
      clearInterval(flushing);
      clearInterval(clearing);
      schedules?.stop();
      await Promise.all(list.map((mirror) => mirror.close()));
      await processRegistry.unregister().catch(report);
      release();
    },
  };
}
