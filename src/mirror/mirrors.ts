import picomatch from "picomatch";
import { OciError } from "../oci/errors.ts";
import {
  defaultNamespace,
  namespaceOf,
  parseRepositoryName,
  type RepositoryName,
} from "../oci/name.ts";
import type { Facts, RepositoryFacts } from "../database/facts.ts";
import { createListStore } from "./cache/list-cache.ts";
import { createMirror, type Mirror, type MirrorParts } from "./mirror.ts";
import { createEventLoopScheduler } from "./pull/event-loop-scheduler.ts";
import { deleteStaleDownloads } from "./pull/fetch-owners.ts";
import { createProcessId, registerMirrorProcess } from "./pull/mirror-processes.ts";
import type { MirrorRepository } from "./repository.ts";
import type { MirrorSettings } from "./settings.ts";
import type { Jobs } from "../coordination/jobs.ts";
import type { Leadership, Stoppable } from "../coordination/leadership.ts";
import { schedulesOf, startSchedules, type Schedule } from "./sync/schedule.ts";
import { createResponseReader } from "./upstream/responses.ts";

/** A mirror and one of its repositories. */
export interface Mirrored {
  readonly mirror: Mirror;
  readonly mirrorRepository: MirrorRepository;
  /** The request named the mirror. `false`: the root mirror answers because no hosted repository has the name. */
  readonly isDirect: boolean;
  /** The mirror stays open until the caller calls the result, once: also if other settings replace it meanwhile. */
  readonly hold: Hold;
}

type Hold = () => () => void;

/** Mirrors with the same settings from their opening until their closing; see `live-mirrors.ts`. */
export interface Mirrors extends MirrorRouting {
  readonly list: readonly Mirror[];
  /** All schedules of the mirrors. */
  schedules(): readonly Schedule[];
  /** Runs the schedules at their times, until `stop`. */
  startSchedules(leadership: Pick<Leadership, "takeScheduleRun">): Stoppable;
  /** Whether no request and no job holds a mirror, and no download runs. */
  isIdle(): boolean;
  /** Ends running requests and downloads. */
  close(): Promise<void>;
}

/** Selects the mirror for a repository name. */
interface MirrorRouting {
  /**
   * Returns `undefined` for a hosted repository. Throws DENIED if `allow` or `deny` of the mirror excludes the name.
   */
  byName(repository: RepositoryName, asked: string): Promise<Mirrored | undefined>;
  /** False: {@link byName} finds no mirror for this repository. */
  mayServe(repository: RepositoryFacts): boolean;
  /**
   * Routes a request that names its registry (`?ns=`, as containerd sends it). Throws NAME_UNKNOWN if no mirror serves
   * that registry, so that a client never receives a hosted repository in place of one from another registry. Throws
   * DENIED like `byName`.
   */
  byRegistry(ns: string, asked: string): Mirrored;
}

const flushEveryMs = 5_000;
const deleteStaleEveryMs = 60 * 60 * 1000;

/** What all mirrors of a process share, also those that others replace: its limits are those of the process. */
export const createProcessParts = () => ({
  scheduler: createEventLoopScheduler(),
  responses: createResponseReader(),
  lists: createListStore(),
});
export type ProcessParts = ReturnType<typeof createProcessParts>;

export async function openMirrors(
  settings: readonly MirrorSettings[],
  parts: Omit<MirrorParts, "processId" | "mirrorProcesses">,
  {
    jobs,
    areOnOneHost,
  }: {
    /** The runs of schedules are jobs. */
    readonly jobs: Jobs;
    /** As in `MirrorProcesses`. */
    readonly areOnOneHost: boolean;
  },
): Promise<Mirrors> {
  const { database, clock, report } = parts;
  const { processId, release } = createProcessId();
  const identity = { database, processId, areOnOneHost, clock, report };
  const mirrorProcesses = await registerMirrorProcess(identity).catch((error: unknown) => {
    release();
    throw error;
  });
  const leave = async (): Promise<void> => {
    await mirrorProcesses.unregister().catch(report);
    release();
  };
  const shared = { ...parts, processId, mirrorProcesses };
  const list = await createAll(settings, shared).catch(async (error: unknown) => {
    await leave();
    throw error;
  });
  const users = createUsers();
  const routing = createRouting(list, database.facts.repositories, users.hold);
  const scheduled = { ...routing, list, hold: users.hold };
  const flushing = setInterval(() => {
    for (const mirror of list) {
      mirror.flush().catch(report);
      mirror.followOthers().catch(report);
    }
  }, flushEveryMs).unref();

  const deleteStale = (): Promise<void> => deleteStaleDownloads(parts).catch(report);
  await deleteStale();
  const deletingStale = setInterval(() => void deleteStale(), deleteStaleEveryMs).unref();

  let learnsPlatforms = false;
  return {
    list,
    ...routing,
    schedules: () => schedulesOf(scheduled, parts),
    startSchedules(leadership) {
      if (!learnsPlatforms) for (const mirror of list) mirror.learnPlatforms();
      learnsPlatforms = true;
      return startSchedules(scheduled, { ...parts, leadership, jobs });
    },
    isIdle: () => users.areNone() && list.every((mirror) => mirror.isIdle()),
    async close() {
      clearInterval(flushing);
      clearInterval(deletingStale);
      await Promise.all(list.map((mirror) => mirror.close()));
      await leave();
    },
  };
}

/** Rejects if a file of the settings cannot be read. */
const createAll = async (
  settings: readonly MirrorSettings[],
  parts: MirrorParts,
): Promise<readonly Mirror[]> => settings.map((one) => createMirror(one, parts));

function createUsers(): { readonly hold: Hold; readonly areNone: () => boolean } {
  let count = 0;
  return {
    hold() {
      count += 1;
      return () => void (count -= 1);
    },
    areNone: () => count === 0,
  };
}

const hubNames = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

/** A hosted repository takes precedence over the root mirror. */
function createRouting(
  mirrors: readonly Mirror[],
  facts: Facts["repositories"],
  hold: Hold,
): MirrorRouting {
  const routes = mirrors.map((mirror) => createRoute(mirror, hold));
  const byNamespace = new Map(routes.map((route) => [route.namespace, route]));
  // The namespace of a mirror has precedence over names of others, and one of the configuration over one that was added.
  const byNs = new Map([
    ...routes
      .toReversed()
      .flatMap((route) => route.registryNames.map((name) => [name, route] as const)),
    ...byNamespace,
  ]);
  const root = routes.find(({ isRoot }) => isRoot);
  /** A hosted namespace never falls through to the root mirror, except `library`: there each repository counts. */
  const isForRoot = ({ name, isHosted, hasNamespace }: RepositoryFacts): boolean =>
    !isHosted && (!hasNamespace || namespaceOf(name) === defaultNamespace);
  return {
    async byName(repository, asked) {
      const namespace = namespaceOf(repository);
      const route = byNamespace.get(namespace);
      if (route !== undefined) return route.to(repository.slice(namespace.length + 1), true);
      if (root === undefined) return undefined;
      const release = hold();
      try {
        return isForRoot(await facts.get(repository)) ? root.to(asked, false) : undefined;
      } finally {
        release();
      }
    },
    mayServe: (repository) =>
      byNamespace.has(namespaceOf(repository.name)) ||
      (root !== undefined && isForRoot(repository)),
    byRegistry(ns, asked) {
      const route = byNs.get(ns.toLowerCase());
      if (route !== undefined) return route.to(asked, true);
      throw new OciError("NAME_UNKNOWN", "no mirror of this server serves that registry", {
        detail: { ns: ns.slice(0, 255) },
      });
    },
  };
}

/** The names of a mirror's registry, and the repositories that the mirror serves. */
function createRoute(mirror: Mirror, hold: Hold) {
  const { namespace, aliases, allow, deny, root: isRoot } = mirror.settings;
  const isHub = hubNames.has(namespace);
  const allows = allow.length === 0 ? () => true : picomatch([...allow]);
  const denies = deny.length === 0 ? () => false : picomatch([...deny]);
  return {
    namespace,
    isRoot,
    registryNames: [namespace, ...aliases, ...(isHub ? hubNames : [])],
    /** Throws DENIED if `allow` or `deny` excludes the name. */
    to(asked: string, isDirect: boolean): Mirrored {
      // Docker Hub's official images are in the namespace `library`, which clients omit.
      const name = isHub && !asked.includes("/") ? `${defaultNamespace}/${asked}` : asked;
      if (!allows(name) || denies(name))
        throw new OciError(
          "DENIED",
          `the configuration of the mirror of ${namespace} excludes ${name}`,
        );
      const repository = parseRepositoryName(`${namespace}/${name}`);
      return { mirror, mirrorRepository: { repository, name }, isDirect, hold };
    },
  };
}
