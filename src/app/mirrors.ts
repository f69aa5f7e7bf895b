import type { BlobStore } from "../../storage/blob-store.ts";
import { readProxies } from "../config/proxies.ts";
import type { Config } from "../config/schema.ts";
import { openDataFolder } from "./data-folder.ts";
import { systemActor } from "../database/permissions/authority.ts";
import type { Database } from "../database/database.ts";
import { isRejection } from "../database/rejections.ts";
import type { SyncPullOptions, SyncStep } from "../mirror/sync/pull.ts";
import { counterNames } from "../mirror/counters.ts";
import type { Schedule } from "../mirror/sync/schedule.ts";
import type { Mirrored, Mirrors } from "../mirror/mirrors.ts";
import { OciError } from "../oci/errors.ts";
import { namespaceOf, parseRepositoryName, type RepositoryName } from "../oci/name.ts";
import { parseTag, type Tag } from "../oci/reference.ts";
import { pushRules } from "./push-rules.ts";
import { createBlobs, type Blobs } from "../registry/blobs.ts";
import { createLeasePolicy, type LeaseTimes } from "../registry/leases.ts";
import { rejectionError } from "../registry/errors.ts";
import { createRepositories } from "../registry/repositories.ts";
import { deleteMarkedBlobs } from "../registry/deleting-blobs.ts";
import { createLogger, type Logger } from "../observability/logger.ts";

/** Opens the mirrors of the configuration; `undefined` if there are none: then no code of mirrors is loaded. */
export async function openMirrorsOf(
  config: Pick<Config, "mirrors" | "limits">,
  parts: {
    readonly store: BlobStore;
    readonly database: Database;
    readonly registry: { readonly blobs: Pick<Blobs, "open"> };
    readonly clock: () => number;
    readonly leaseTimes: LeaseTimes;
    readonly logger: Pick<Logger, "error" | "warn" | "info">;
  },
  options: { readonly runsSchedules: boolean },
): Promise<Mirrors | undefined> {
  if (config.mirrors.length === 0) return undefined;
  const { registry, logger, ...rest } = parts;
  const { openMirrors } = await import("../mirror/mirrors.ts");
  return await openMirrors(
    config.mirrors,
    {
      ...rest,
      blobs: registry.blobs,
      manifestBytes: config.limits.manifestSize,
      proxies: readProxies(),
      log: logger,
      report: (error) => logger.error({ err: error }, "the mirror could not do what it should"),
    },
    options,
  );
}

export type { SyncStep };

/** Counters of all processes on the data folder. Those of this process are current, those of others are seconds old. */
export async function measureMirrors(
  mirrors: Mirrors | undefined,
  database: Pick<Database, "mirrorCounters">,
) {
  if (mirrors === undefined) return [];
  await Promise.all(mirrors.list.map((mirror) => mirror.flush()));
  const sums = await database.mirrorCounters.list();
  return mirrors.list.map(({ settings: { namespace, cacheSize } }) => {
    const { upstreamRemaining, ...counted } = sums.get(namespace) ?? {};
    return {
      namespace,
      counters: { ...noCounts, ...counted },
      gauges: { budgetBytes: cacheSize, upstreamRequestsRemaining: upstreamRemaining },
    };
  });
}

const noCounts = Object.fromEntries(counterNames.map((name) => [name, 0]));

/** A mirror in the output of `berth mirror status`. */
export interface MirrorReport {
  readonly namespace: string;
  readonly upstream: string;
  readonly blobs: number;
  readonly bytes: number;
  readonly budgetBytes: number | undefined;
  /** The failure of the upstream and its start; `undefined`: it works, or had no request yet. */
  readonly failure: { readonly reason: string; readonly sinceMs: number } | undefined;
  readonly pins: readonly string[];
  /** Since the data folder was created. */
  readonly counters: Readonly<Record<string, number>>;
}

const cliActor = systemActor("berth");

/** The operations of the commands for mirrors on a data folder, also while a server runs on it. */
export interface MirrorFolder {
  report(): Promise<readonly MirrorReport[]>;
  /** Throws NAME_INVALID, TAG_INVALID, and NoMirrorError if the image belongs to no mirror. */
  parseImage(text: string): MirroredImage;
  warm(image: MirroredImage, options: SyncPullOptions): AsyncIterable<SyncStep>;
  /** All schedules of the configuration, by mirror and image. */
  readonly schedules: readonly Schedule[];
  /** False: the tag already had this state. */
  pin(image: MirroredImage, isPinned: boolean): Promise<boolean>;
  /** Deletes a tag, or without a tag the repository. Throws NAME_UNKNOWN or MANIFEST_UNKNOWN if it is not cached. */
  purge(image: MirroredImage): Promise<void>;
  close(): Promise<void>;
}

export interface MirroredImage extends Mirrored {
  /** `latest` if the text has no tag. */
  readonly tag: Tag;
  readonly hasTag: boolean;
}

/** Throws NoRegistryError, and MismatchError if database and store have different ids. */
export async function openMirrorFolder(config: Config): Promise<MirrorFolder> {
  const { store, database, close } = await openDataFolder(config);
  const leaseTimes = {
    ...{ leaseMs: config.gc.lease, graceMs: config.gc.grace },
    deleteDelayMs: config.gc.deleteDelay,
  };
  const leasePolicy = createLeasePolicy(Date.now, leaseTimes);
  const rules = pushRules(config);
  const parts = { store, database, leasePolicy, rules, report: createLogger(config.log) };
  const blobs = createBlobs(parts);
  const [{ openMirrors }, { createSyncPull }, { schedulesOf }] = await Promise.all([
    import("../mirror/mirrors.ts"),
    import("../mirror/sync/pull.ts"),
    import("../mirror/sync/schedule.ts"),
  ]);
  const mirrors = await openMirrors(
    config.mirrors,
    {
      ...{ store, database, leaseTimes, clock: Date.now, blobs },
      manifestBytes: config.limits.manifestSize,
      proxies: readProxies(),
      // Commands report failures themselves.
      log: { warn: () => undefined, info: () => undefined },
      report: () => undefined,
    },
    { runsSchedules: false },
  );
  const repositories = createRepositories({
    ...{ database, clock: Date.now },
    uploads: { forgetUnpersisted: () => undefined, abandon: () => Promise.resolve() },
  });

  const failureOf = async (namespace: string) => {
    const state = await database.mirrorStates.find(namespace);
    if (state === undefined || state.reason === null) return undefined;
    return { reason: state.reason, sinceMs: state.changedAtMs };
  };
  /** Deletes one tag. The collector handles its manifest and blobs like those of any untagged image. */
  const purgeTag = async (repository: RepositoryName, tag: Tag): Promise<void> => {
    // A running server may keep an earlier upstream answer for this tag. The new check time makes it outdated.
    await database.run("checkMirrorTag", { repository, tag, nowMs: Date.now() });
    const removed = await database.run("deleteTag", {
      ...{ actor: cliActor, repository, tag },
      ...leasePolicy.change(),
    });
    if (isRejection(removed)) throw rejectionError(removed, repository);
    if (!removed) throw new OciError("MANIFEST_UNKNOWN", `nothing of ${repository}:${tag} is here`);
  };

  return {
    async report() {
      const counters = await database.mirrorCounters.list();
      const pins = await database.mirrorPins.list();
      return Promise.all(
        mirrors.list.map(async ({ settings: { namespace, upstream, cacheSize } }) => ({
          ...{ namespace, upstream, budgetBytes: cacheSize },
          ...(await database.mirrorUses.stock(namespace)),
          failure: await failureOf(namespace),
          pins: pins
            .filter(({ repository }) => namespaceOf(repository) === namespace)
            .map(({ repository, tag }) => `${repository}:${tag}`),
          counters: counters.get(namespace) ?? {},
        })),
      );
    },
    parseImage(text) {
      const [, name = "", tag] = /^(.+?)(?::([^/:]+))?$/.exec(text) ?? [];
      const mirrored = mirrors.byName(parseRepositoryName(name), name);
      if (mirrored === undefined) throw new NoMirrorError(`no mirror has ${name}`);
      return { ...mirrored, tag: parseTag(tag ?? "latest"), hasTag: tag !== undefined };
    },
    warm: ({ mirror, mirrorRepository, tag }, options) =>
      createSyncPull(mirror, database).image(mirrorRepository, tag, options),
    schedules: schedulesOf(mirrors, { database, blobs }),
    pin: ({ mirrorRepository: { repository }, tag }, isPinned) =>
      isPinned
        ? database.run("pinMirrorTag", { repository, tag, nowMs: Date.now() })
        : database.run("unpinMirrorTag", { repository, tag }),
    async purge({ mirrorRepository, tag, hasTag }) {
      if (hasTag) return await purgeTag(mirrorRepository.repository, tag);
      await repositories.delete(cliActor, mirrorRepository.repository);
      for await (const step of deleteMarkedBlobs({ store, database, leasePolicy }))
        if (step.kind === "failed") throw step.error;
    },
    async close() {
      await mirrors.close();
      await close();
    },
  };
}

/** No mirror of the configuration has the image. */
export class NoMirrorError extends Error {
  override readonly name = "NoMirrorError";
}
