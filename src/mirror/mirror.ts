import type { BlobStore } from "../../storage/blob-store.ts";
import type { Database } from "../database/database.ts";
import type { PushRules } from "../database/registry/repository-creation.ts";
import type { Blobs } from "../registry/blobs.ts";
import { createLeasePolicy, type LeaseTimes } from "../registry/leases.ts";
import { createManifests } from "../registry/manifests.ts";
import { createRecentBlobs } from "../registry/uploads/small-blobs.ts";
import { createReferrers } from "../registry/referrers.ts";
import { createTags } from "../registry/tags.ts";
import { createDownloads } from "./pull/downloads.ts";
import { createMirrorBlobs, type MirrorBlobs } from "./pull/blobs.ts";
import { openConnections } from "./upstream/connection.ts";
import { createFetchLeases } from "./pull/fetch-leases.ts";
import type { ProcessRegistry } from "./pull/process-registry.ts";
import { createCounters, type Counters } from "./counters.ts";
import { createEviction, type Eviction } from "./cache/eviction.ts";
import { createForeignLayers } from "./upstream/foreign-layers.ts";
import { createManifestDownloads } from "./pull/manifest-downloads.ts";
import type { ResponseReader } from "./upstream/responses.ts";
import type { ListStore } from "./cache/list-cache.ts";
import { MirrorReferrers } from "./pull/referrers.ts";
import { MirrorTags } from "./pull/tags.ts";
import { createMirrorManifests, type MirrorManifests } from "./pull/manifests.ts";
import { createNegativeCache } from "./cache/negative-cache.ts";
import type { EventLoopScheduler } from "./pull/event-loop-scheduler.ts";
import { createPlatforms } from "./pull/platforms.ts";
import type { MirrorSettings, ProxySettings } from "./settings.ts";
import { createSources } from "./pull/sources.ts";
import { createWriteBehind } from "./pull/write-behind.ts";
import { createAvailability, type MirrorLog } from "./upstream/availability.ts";
import { Upstream } from "./upstream/client.ts";
import { createUses } from "./cache/uses.ts";

/** A pull-through cache of one upstream registry. */
export interface Mirror {
  readonly settings: MirrorSettings;
  readonly blobs: MirrorBlobs;
  readonly manifests: MirrorManifests;
  readonly tags: MirrorTags;
  readonly referrers: MirrorReferrers;
  readonly upstream: Upstream;
  readonly counters: Counters;
  /** Starts to read the missing platforms of stored manifests in the background (`mirror/pull/platforms.ts`). */
  learnPlatforms(): void;
  /** Writes the counters, the use times and the upstream state to the database. */
  flush(): Promise<void>;
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
  readonly processRegistry: ProcessRegistry;
  readonly scheduler: EventLoopScheduler;
  readonly responses: ResponseReader;
  readonly lists: ListStore;
  readonly log: MirrorLog;
  readonly report: (error: unknown) => void;
}

export function createMirror(settings: MirrorSettings, parts: MirrorParts): Mirror {
  const { store, clock, processId, processRegistry, scheduler, responses, report } = parts;
  // Mirror writes do not wait for fsync: after a power cut the mirror downloads the lost data again.
  const database: Database = {
    ...parts.database,
    run: (name, input) => parts.database.run(name, input, { flush: false }),
  };
  const { namespace, visibility, ttl } = settings;
  const rules: PushRules = {
    createOnPush: true,
    defaultVisibility: visibility,
    defaultQuotaBytes: null,
  };
  const leasePolicy = createLeasePolicy(clock, parts.leaseTimes);
  const counters = createCounters();
  const negativeCache = createNegativeCache(clock);
  const uses = createUses({ namespace, database, clock, released: () => void eviction.settle() });
  const host = new URL(settings.upstream).host;
  const { log, proxies } = parts;
  const availability = createAvailability({ namespace, host, database, clock, counters, log });
  const upstream = new Upstream(settings, { proxies, responses, availability, clock, counters });
  const recentBlobs = createRecentBlobs();
  // `sparse`: the mirror stores a manifest without its blobs, and downloads each blob on the first request for it.
  const manifests = createManifests({
    store,
    database,
    leasePolicy,
    recentBlobs,
    rules,
    sparse: true,
    moreTypes: "any",
  });
  const fetchLeases = createFetchLeases({ database, processId, clock });
  const writeBehind = createWriteBehind({ manifests, clock, report });
  const platforms = createPlatforms({ namespace, store, database, writeBehind, report });
  const manifestDownloads = createManifestDownloads({
    ...{
      database,
      writeBehind,
      upstream,
      responses,
      processRegistry,
      fetchLeases,
      scheduler,
      clock,
      report,
    },
    limitBytes: parts.manifestBytes,
  });
  const foreign =
    settings.foreignLayerHosts.length === 0 ? undefined : openConnections(settings, parts.proxies);
  const foreignLayers = foreign && createForeignLayers(settings, foreign);
  const eviction: Eviction = createEviction({
    ...{ namespace, store, leasePolicy, uses, counters, processRegistry, report },
    // Eviction deletes files, so its row changes must be durable first: it does not use the unflushed `database`.
    database: parts.database,
    budgetBytes: settings.cacheSize,
    inFlight: () => downloads.running(),
  });
  const downloads = createDownloads({
    ...{
      store,
      database,
      upstream,
      rules,
      leasePolicy,
      counters,
      processId,
      processRegistry,
      fetchLeases,
    },
    writeBehind,
    arrived: (mirrorRepository, digest, sizeBytes) =>
      void platforms.learn(mirrorRepository, digest, sizeBytes).catch(report),
    budgetBytes: settings.cacheSize,
    open: createSources({ upstream, foreignLayers, database, writeBehind }),
    eviction: () => eviction,
  });

  const flush = async (): Promise<void> => {
    await uses.flush();
    await availability.flush();
    const counts = counters.take();
    if (Object.values(counts).some((count) => count > 0))
      await database.run("addMirrorCounters", { namespace, counts });
  };
  const blobs = createMirrorBlobs({
    ...{
      store,
      database,
      writeBehind,
      downloads,
      upstream,
      negativeCache,
      uses,
      counters,
      scheduler,
    },
    blobs: parts.blobs,
    missingTtlMs: ttl.missing,
    prefetch: settings.prefetch,
  });
  return {
    settings,
    upstream,
    counters,
    learnPlatforms: () => platforms.learnStored(),
    flush,
    blobs,
    manifests: createMirrorManifests({
      ...{
        database,
        manifests,
        manifestDownloads,
        writeBehind,
        availability,
        negativeCache,
        ttl,
        clock,
        counters,
        scheduler,
      },
      prefetch: (mirrorRepository, digest) => blobs.prefetch(mirrorRepository, digest),
    }),
    tags: new MirrorTags({
      upstream,
      responses,
      lists: parts.lists,
      tags: createTags({ database, leasePolicy }),
      ttlMs: ttl.tagsList,
      clock,
    }),
    referrers: new MirrorReferrers({
      upstream,
      responses,
      lists: parts.lists,
      referrers: createReferrers({ database }),
      ttlMs: ttl.referrers,
      clock,
    }),
    async close() {
      await platforms.close();
      await downloads.close();
      await writeBehind.settled();
      await foreign?.destroy();
      await flush().catch(report);
    },
  };
}
