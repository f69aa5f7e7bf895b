import type { BlobStore } from "../../storage/blob-store.ts";
import type { JobTask } from "../coordination/job-run.ts";
import type { Database } from "../database/contract.ts";
import type { Job } from "../database/maintenance/job-reads.ts";
import type { Actor } from "../database/permissions/authority.ts";
import { isRejection } from "../database/rejections.ts";
import { OciError } from "../oci/errors.ts";
import { namespaceOf, parseRepositoryName, type RepositoryName } from "../oci/name.ts";
import { parseTag, type Tag } from "../oci/reference.ts";
import { deleteMarkedBlobs } from "../registry/deleting-blobs.ts";
import type { LeasePolicy } from "../registry/leases.ts";
import type { Registry } from "../registry/registry.ts";
import { rejectionError } from "../registry/errors.ts";
import { createCacheCounter, type CacheContents } from "./cache/contents.ts";
import { counterNames, figuresOf, type CounterName } from "./counters.ts";
import type { Mirror } from "./mirror.ts";
import type { LiveMirrors } from "./live-mirrors.ts";
import type { Mirrored } from "./mirrors.ts";
import type { MirrorSettings } from "./settings.ts";
import { createSyncPull, type SyncPullOptions, type SyncStep } from "./sync/pull.ts";
import { syncJob, warmJob } from "./sync/jobs.ts";
import { holding, nextRunOf, type Schedule } from "./sync/schedule.ts";

/** Whether the upstream of a mirror answers. */
export interface UpstreamHealth {
  /** The failure of the upstream and its start; `undefined`: it works, or had no request yet. */
  readonly failure: { readonly reason: string; readonly sinceMs: number } | undefined;
  /** The upstream refuses requests until then; `undefined`: it does not. */
  readonly limitedUntilMs: number | undefined;
  /** What is left of the upstream's limit of requests; `undefined`: it has told none that is still valid. */
  readonly limit:
    | { readonly requests: number; readonly remaining: number; readonly endsAtMs: number }
    | undefined;
}

/** A schedule with its runs. */
export interface ScheduleReport {
  readonly name: string;
  readonly cron: string | undefined;
  /** The last run that has ended; `undefined`: there was none in the last 30 days. */
  readonly last: Job | undefined;
  /** `undefined`: only `berth mirror sync` runs it. */
  readonly nextAtMs: number | undefined;
}

/** What a mirror has done since the data folder was created, and what it holds. */
export interface MirrorReport extends UpstreamHealth {
  readonly namespace: string;
  readonly upstream: string;
  readonly budgetBytes: number | undefined;
  readonly contents: CacheContents;
  readonly pins: readonly string[];
  readonly schedules: readonly ScheduleReport[];
  readonly counters: Readonly<Record<CounterName, number>>;
}

const noCounts = Object.fromEntries(counterNames.map((name) => [name, 0])) as Record<
  CounterName,
  number
>;

interface MirroredImage extends Mirrored {
  /** `latest` if the text has no tag. */
  readonly tag: Tag;
  readonly hasTag: boolean;
}

/** No mirror has the image. */
class NoMirrorError extends Error {
  override readonly name = "NoMirrorError";
}

interface Parts {
  readonly clock: () => number;
  readonly store: BlobStore;
  readonly database: Database;
  readonly registry: Registry;
  readonly leasePolicy: LeasePolicy;
  readonly mirrors: Pick<LiveMirrors, "current">;
  /** The mirrors of the configuration as they are now. */
  readonly configured: () => readonly Pick<MirrorSettings, "namespace">[];
}

/** The operations of `berth mirror`, also while a server runs on the data folder. */
export class MirrorAdministration {
  readonly #parts: Parts;
  readonly #countCache: (namespace: string) => Promise<CacheContents>;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#countCache = createCacheCounter(parts.database);
  }

  get list(): readonly Mirror[] {
    return this.#parts.mirrors.current?.list ?? [];
  }

  /** Whether the mirror is in the configuration, and not one that the API has added. */
  isConfigured(namespace: string): boolean {
    return this.#parts.configured().some((one) => one.namespace === namespace);
  }

  /** The blobs that only this mirror has. A count reads every blob of the mirror; see `createCacheCounter`. */
  contentsOf(namespace: string): Promise<CacheContents> {
    return this.#countCache(namespace);
  }

  /** Whether the upstream of a mirror answers. */
  async healthOf(namespace: string): Promise<UpstreamHealth> {
    const { database } = this.#parts;
    const counters = await database.mirrors.counters();
    return this.#healthOf(namespace, counters.get(namespace));
  }

  async #healthOf(
    namespace: string,
    values: Readonly<Record<string, number>> | undefined,
  ): Promise<UpstreamHealth> {
    const { database, clock } = this.#parts;
    const state = await database.mirrors.state(namespace);
    const { gauges } = figuresOf(values);
    const nowMs = clock();
    const { upstreamLimit, upstreamRemaining, upstreamLimitEndsAt: endsAtMs = 0 } = gauges;
    const isKnown = upstreamLimit !== undefined && upstreamRemaining !== undefined;
    const untilMs = gauges.upstreamLimitedUntil ?? 0;
    return {
      failure:
        state === undefined || state.reason === null
          ? undefined
          : { reason: state.reason, sinceMs: state.changedAtMs },
      limitedUntilMs: untilMs > nowMs ? untilMs : undefined,
      limit:
        isKnown && endsAtMs > nowMs
          ? { requests: upstreamLimit, remaining: upstreamRemaining, endsAtMs }
          : undefined,
    };
  }

  /** All mirrors, or that of one namespace. */
  async report(only?: string): Promise<readonly MirrorReport[]> {
    const { database } = this.#parts;
    const wanted = this.list.filter(
      ({ settings }) => only === undefined || settings.namespace === only,
    );
    const counters = await database.mirrors.counters();
    const pins = await database.mirrorTags.pins();
    const reports: MirrorReport[] = [];
    for (const { settings } of wanted) {
      const { namespace, upstream, cacheSize } = settings;
      const values = counters.get(namespace);
      reports.push({
        namespace,
        upstream,
        budgetBytes: cacheSize,
        contents: await this.#countCache(namespace),
        ...(await this.#healthOf(namespace, values)),
        pins: pins
          .filter(({ repository }) => namespaceOf(repository) === namespace)
          .map(({ repository, tag }) => `${repository}:${tag}`),
        schedules: await this.#schedulesOf(namespace),
        counters: { ...noCounts, ...figuresOf(values).counters },
      });
    }
    return reports;
  }

  #schedulesOf(namespace: string): Promise<readonly ScheduleReport[]> {
    const { database, clock } = this.#parts;
    const own = this.schedules().filter(({ mirror }) => mirror === namespace);
    return Promise.all(
      own.map(async (schedule) => {
        const { name, cron } = schedule;
        const last = await database.jobs.lastEnded("sync", name);
        return { name, cron, last, nextAtMs: nextRunOf(schedule, clock()) };
      }),
    );
  }

  /** Throws NAME_INVALID, TAG_INVALID, and NoMirrorError if the image belongs to no mirror. */
  async parseImage(text: string): Promise<MirroredImage> {
    const [, name = "", tag] = /^(.+?)(?::([^/:]+))?$/.exec(text) ?? [];
    const mirrored = await this.#parts.mirrors.current?.byName(parseRepositoryName(name), name);
    if (mirrored === undefined)
      throw new NoMirrorError(`no mirror has ${name}: begin it with the namespace of a mirror`);
    return { ...mirrored, tag: parseTag(tag ?? "latest"), hasTag: tag !== undefined };
  }

  /** Downloads an image. */
  warm(
    { mirror, mirrorRepository, tag, hold }: MirroredImage,
    options: SyncPullOptions,
  ): AsyncIterable<SyncStep> {
    const pull = createSyncPull(mirror, this.#parts.database);
    return holding(hold, pull.image(mirrorRepository, tag, options));
  }

  /** The same as a job of a server. `text` is the name that the client has sent. */
  warmJob(text: string, image: MirroredImage, options: SyncPullOptions): JobTask {
    const { namespace } = image.mirror.settings;
    const { platforms } = options;
    return warmJob({ image: text, namespace, platforms, steps: this.warm(image, options) });
  }

  /** A run of a schedule as a job of a server; `undefined`: the mirror has no such schedule. */
  syncJob(namespace: string, name: string, isDryRun: boolean): JobTask | undefined {
    const schedule = this.schedules().find((one) => one.mirror === namespace && one.name === name);
    return schedule && syncJob(schedule, { isDryRun, report: () => undefined });
  }

  /** All schedules, by mirror and image. */
  schedules(): readonly Schedule[] {
    return this.#parts.mirrors.current?.schedules() ?? [];
  }

  /** False: the tag already had this state. */
  pin(actor: Actor, { mirrorRepository, tag }: MirroredImage, isPinned: boolean): Promise<boolean> {
    const { database, clock } = this.#parts;
    const change = { repository: mirrorRepository.repository, tag, actor, nowMs: clock() };
    return isPinned
      ? database.commands.pinMirrorTag(change)
      : database.commands.unpinMirrorTag(change);
  }

  /** Deletes a tag, or without a tag the repository. Throws NAME_UNKNOWN or MANIFEST_UNKNOWN if it is not cached. */
  async purge(actor: Actor, { mirrorRepository, tag, hasTag }: MirroredImage): Promise<void> {
    const { store, database, registry, leasePolicy, clock } = this.#parts;
    const { repository } = mirrorRepository;
    if (hasTag) return await this.#purgeTag(actor, repository, tag);
    await registry.repositories.delete(actor, repository);
    const due = { beforeMs: leasePolicy.deletableBeforeMs(), nowMs: clock() };
    for await (const step of deleteMarkedBlobs({ store, database }, due))
      if (step.kind === "failed") throw step.error;
  }

  /** Deletes one tag. The collector handles its manifest and blobs like those of any untagged image. */
  async #purgeTag(actor: Actor, repository: RepositoryName, tag: Tag): Promise<void> {
    const { clock, database, leasePolicy } = this.#parts;
    // A running server may keep an earlier upstream answer for this tag. The new check time makes it outdated.
    await database.commands.checkMirrorTag({ repository, tag, nowMs: clock() });
    const times = leasePolicy.eventTimes();
    const removed = await database.commands.deleteTag({ actor, repository, tag, ...times });
    if (isRejection(removed)) throw rejectionError(removed, repository);
    if (!removed) throw new OciError("MANIFEST_UNKNOWN", `${repository}:${tag} is not cached`);
  }
}
