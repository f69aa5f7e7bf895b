import type { BlobStore } from "../../storage/blob-store.ts";
import type { Database } from "../database/contract.ts";
import type { PushRules } from "../database/registry/repository-creation.ts";
import type { Blobs } from "../registry/blobs.ts";
import { createLeasePolicy, type LeaseTimes } from "../registry/leases.ts";
import { createManifests } from "../registry/manifests.ts";
import { createRecentBlobs } from "../registry/recent-blobs.ts";
import { createReferrers } from "../registry/referrers.ts";
import { createTags } from "../registry/tags.ts";
import { Eviction } from "./cache/eviction.ts";
import type { ListStore } from "./cache/list-cache.ts";
import { NegativeCache } from "./cache/negative-cache.ts";
import { createCounters } from "./counters.ts";
import { MirrorBlobs } from "./pull/blobs.ts";
import { DownloadLeader } from "./pull/download-leader.ts";
import { Downloads } from "./pull/downloads.ts";
import type { EventLoopScheduler } from "./pull/event-loop-scheduler.ts";
import { createFetchOwners } from "./pull/fetch-owners.ts";
import { ManifestDownloads } from "./pull/manifest-downloads.ts";
import { MirrorManifests } from "./pull/manifests.ts";
import { createPlatforms } from "./pull/platforms.ts";
import type { MirrorProcesses } from "./pull/mirror-processes.ts";
import { MirrorReferrers } from "./pull/referrers.ts";
import { createBlobSources } from "./pull/sources.ts";
import { StoredBlobs } from "./pull/stored-blobs.ts";
import { TagChecks } from "./pull/tag-checks.ts";
import { MirrorTags } from "./pull/tags.ts";
import { WriteBehind } from "./pull/write-behind.ts";
import type { MirrorSettings } from "./settings.ts";
import type { ProxySettings } from "../network/connections.ts";
import { createAvailability } from "./upstream/availability.ts";
import type { MirrorLog } from "./upstream/state.ts";
import { Upstream } from "./upstream/client.ts";
import type { ResponseReader } from "./upstream/responses.ts";

/** A pull-through cache of one upstream registry. */
export interface Mirror {
  readonly settings: MirrorSettings;
  readonly blobs: MirrorBlobs;
  readonly manifests: MirrorManifests;
  readonly tags: MirrorTags;
  readonly referrers: MirrorReferrers;
  readonly upstream: Upstream;
  /** Starts to read the missing platforms of stored manifests in the background (`mirror/pull/platforms.ts`). */
  learnPlatforms(): void;
  /** Does what other processes have made necessary: stores awaited tags, and evicts blobs. */
  followOthers(): Promise<void>;
  /** Writes the counters, the use times and the upstream state to the database. */
  flush(): Promise<void>;
  /** Whether no download runs. */
  isIdle(): boolean;
  close(): Promise<void>;
}

export interface MirrorParts {
  readonly store: BlobStore;
  readonly database: Database;
  readonly blobs: Pick<Blobs, "open">;
  readonly clock: () => number;
  readonly leaseTimes: LeaseTimes;
  readonly manifestBytes: number;
  readonly proxies: ProxySettings;
  /** Identifies this process among all processes that share the database. */
  readonly processId: string;
  readonly mirrorProcesses: MirrorProcesses;
  /** How pulls create repositories. */
  readonly rulesOf: (settings: MirrorSettings) => PushRules;
  readonly scheduler: EventLoopScheduler;
  readonly responses: ResponseReader;
  readonly lists: ListStore;
  readonly log: MirrorLog;
  readonly report: (error: unknown) => void;
}

export function createMirror(settings: MirrorSettings, parts: MirrorParts): Mirror {
  const core = createCore(settings, parts);
  const { database, counters, availability, upstream, leasePolicy, writeBehind } = core;
  const { blobs, downloads, sources, eviction, platforms } = createBlobParts(core);
  const { manifests, tagChecks } = createManifestParts(core, blobs);
  const { responses, lists, clock, report } = parts;
  const flush = async (): Promise<void> => {
    await eviction.flush();
    await availability.flush();
    const { namespace } = settings;
    const counts = counters.take();
    if (Object.values(counts).some((count) => count > 0))
      await database.commands.addMirrorCounters({ namespace, counts });
  };
  return {
    settings,
    blobs,
    manifests,
    tags: new MirrorTags({
      upstream,
      responses,
      lists,
      tags: createTags({ database, leasePolicy }),
      ttlMs: settings.ttl.tagsList,
      clock,
    }),
    referrers: new MirrorReferrers({
      upstream,
      responses,
      lists,
      referrers: createReferrers({ database }),
      ttlMs: settings.ttl.referrers,
      clock,
    }),
    upstream,
    learnPlatforms: () => platforms.learnStored(),
    async followOthers() {
      await tagChecks.storeAwaited();
      await eviction.evictAdded();
    },
    flush,
    isIdle: () => downloads.isIdle(),
    async close() {
      await platforms.close();
      await downloads.close();
      await writeBehind.settled();
      await sources.close();
      await flush().catch(report);
    },
  };
}

type MirrorCore = ReturnType<typeof createCore>;

/** Creates what blobs and manifests of one mirror share. */
function createCore(settings: MirrorSettings, parts: MirrorParts) {
  const { store, clock, processId, mirrorProcesses, proxies, responses, log, report } = parts;
  const { namespace } = settings;
  // Mirror writes do not wait for fsync: after a power cut the mirror downloads the lost data again. So below here the
  // commands of `database` are not durable when they resolve.
  const database: Database = {
    ...parts.database,
    commands: parts.database.unflushedCommands,
  };
  const rules = parts.rulesOf(settings);
  const leasePolicy = createLeasePolicy(clock, parts.leaseTimes);
  const counters = createCounters();
  const host = new URL(settings.upstream).host;
  const availability = createAvailability({ namespace, host, database, clock, counters, log });
  // `sparse`: the mirror stores a manifest without its blobs, and downloads each blob on the first request for it.
  const manifests = createManifests({
    store,
    database,
    leasePolicy,
    recentBlobs: createRecentBlobs(),
    rules,
    sparse: true,
    moreTypes: "any",
  });
  return {
    settings,
    parts,
    database,
    rules,
    leasePolicy,
    counters,
    availability,
    upstream: new Upstream(settings, { proxies, responses, availability, clock, counters }),
    negativeCache: new NegativeCache(clock, settings.ttl.missing),
    fetchOwners: createFetchOwners({ database, processId, mirrorProcesses, clock }),
    manifests,
    writeBehind: new WriteBehind({ manifests, clock, report }),
  };
}

/** Creates what downloads, caches and serves blobs. */
function createBlobParts(core: MirrorCore) {
  const { settings, parts, database, counters, upstream, fetchOwners, writeBehind } = core;
  const { store, mirrorProcesses, report } = parts;
  const { namespace, cacheSize: budgetBytes } = settings;
  const platforms = createPlatforms({ namespace, store, database, writeBehind, report });
  const eviction = new Eviction({
    ...parts,
    namespace,
    budgetBytes,
    database,
    flushingDatabase: parts.database,
    leasePolicy: core.leasePolicy,
    counters,
  });
  const sources = createBlobSources(settings, { ...core, proxies: parts.proxies });
  const storedBlobs = new StoredBlobs({
    ...core,
    store,
    processId: parts.processId,
    eviction,
    arrived: (mirrorRepository, digest, sizeBytes) =>
      void platforms.learn(mirrorRepository, digest, sizeBytes).catch(report),
  });
  const leader = new DownloadLeader({
    ...core,
    store,
    storedBlobs,
    sources,
    mirrorProcesses,
    eviction,
    budgetBytes,
  });
  const downloads = new Downloads({ store, upstream, storedBlobs, fetchOwners, leader });
  const blobs = new MirrorBlobs({
    ...core,
    store,
    blobs: parts.blobs,
    downloads,
    eviction,
    scheduler: parts.scheduler,
    prefetch: settings.prefetch,
  });
  return { blobs, downloads, sources, eviction, platforms };
}

/** Creates what downloads, checks and serves manifests. */
function createManifestParts(core: MirrorCore, blobs: MirrorBlobs) {
  const { parts, settings, availability } = core;
  const { mirrorProcesses, scheduler, responses, clock, report } = parts;
  const manifestDownloads = new ManifestDownloads({
    ...core,
    responses,
    limitBytes: parts.manifestBytes,
    mirrorProcesses,
    scheduler,
    clock,
    report,
  });
  const tagChecks = new TagChecks({
    ...core,
    manifestDownloads,
    availability,
    mirrorProcesses,
    ttlMs: settings.ttl.tag,
    clock,
  });
  const manifests = new MirrorManifests({
    ...core,
    manifestDownloads,
    tagChecks,
    mirrorProcesses,
    tagTtlMs: settings.ttl.tag,
    clock,
    scheduler,
    prefetch: (mirrorRepository, digest) => blobs.prefetch(mirrorRepository, digest),
  });
  return { manifests, tagChecks };
}
