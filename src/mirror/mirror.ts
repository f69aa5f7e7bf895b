import type { BlobStore } from "../../storage/blob-store.ts";
import type { Database } from "../database/database.ts";
import type { PushRules } from "../database/registry/repository-creation.ts";
import type { Blobs } from "../registry/blobs.ts";
import { createLeasePolicy, type LeaseTimes } from "../registry/leases.ts";
import { createManifests } from "../registry/manifests.ts";
import { createRecentBlobs } from "../registry/recent-blobs.ts";
import { createReferrers } from "../registry/referrers.ts";
import { createTags } from "../registry/tags.ts";
import { createArrivals } from "./pull/downloads.ts";
import { createMirrorBlobs, type MirrorBlobs } from "./pull/blobs.ts";
import { openConnections } from "./upstream/connection.ts";
import { createClaims } from "./pull/fetch-leases.ts";
import type { Company } from "./pull/process-registry.ts";
import { createCounters, type Counters } from "./counters.ts";
import { createEviction, type Eviction } from "./cache/eviction.ts";
import { createForeignLayers } from "./upstream/foreign-layers.ts";
import { createIncoming } from "./pull/manifest-downloads.ts";
import type { Bodies } from "./upstream/bodies.ts";
import type { ListStore } from "./cache/list-cache.ts";
import { createMirrorLists, type MirrorLists } from "./pull/lists.ts";
import { createMirrorManifests, type MirrorManifests } from "./pull/manifests.ts";
import { createMissing } from "./cache/negative-cache.ts";
import type { Pace } from "./pull/event-loop-scheduler.ts";
import { createPlatforms } from "./pull/platforms.ts";
import type { MirrorSettings, ProxySettings } from "./settings.ts";
import { createSources } from "./pull/sources.ts";
import { createStoring } from "./pull/write-behind.ts";
import { createUpstream, type Upstream } from "./upstream/client.ts";
import { createUpstreamState, type MirrorLog } from "./upstream/state.ts";
import { createUses } from "./cache/uses.ts";

/** One registry that is mirrored. */
export interface Mirror {
  readonly settings: MirrorSettings;
  readonly blobs: MirrorBlobs;
  readonly manifests: MirrorManifests;
  readonly lists: MirrorLists;
  readonly upstream: Upstream;
  readonly counters: Counters;
  /** Begins to fill in platforms that are not known (`mirror/pull/platforms.ts`). */
  learnPlatforms(): void;
  /** Writes down what was counted and used. */
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
  /** A process of its own, among those that share the database. */
  readonly owner: string;
  readonly company: Company;
  readonly pace: Pace;
  readonly bodies: Bodies;
  readonly lists: ListStore;
  readonly log: MirrorLog;
  readonly report: (error: unknown) => void;
}

export function createMirror(settings: MirrorSettings, parts: MirrorParts): Mirror {
  const { store, clock, owner, company, pace, bodies, report } = parts;
  // Whatever a power cut takes can be fetched again; that the disk has it is nothing to wait for.
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
  const missing = createMissing(clock);
  const uses = createUses({ namespace, database, clock, released: () => void eviction.settle() });
  const state = createUpstreamState({ namespace, database, clock, log: parts.log });
  const upstream = createUpstream(settings, {
    ...{ proxies: parts.proxies, bodies, clock, counters, state },
  });
  const recentBlobs = createRecentBlobs();
  // What a manifest names comes when somebody asks for it.
  const manifests = createManifests({
    store,
    database,
    leasePolicy,
    recentBlobs,
    rules,
    sparse: true,
    moreTypes: "any",
  });
  const claims = createClaims({ database, owner, clock });
  const storing = createStoring({ manifests, clock, report });
  const platforms = createPlatforms({ namespace, store, database, storing, report });
  const incoming = createIncoming({
    ...{ database, storing, upstream, bodies, company, claims, pace, clock, report },
    limitBytes: parts.manifestBytes,
  });
  const foreign =
    settings.hydrate.length === 0 ? undefined : openConnections(settings, parts.proxies);
  const foreignLayers = foreign && createForeignLayers(settings, foreign);
  const eviction: Eviction = createEviction({
    ...{ namespace, store, leasePolicy, uses, counters, company, report },
    // Files go after the rows that know them.
    database: parts.database,
    budgetBytes: settings.budget,
    inFlight: () => arrivals.running(),
  });
  const arrivals = createArrivals({
    ...{ store, database, upstream, rules, leasePolicy, counters, owner, company, claims },
    storing,
    arrived: (place, digest, sizeBytes) =>
      void platforms.learn(place, digest, sizeBytes).catch(report),
    budgetBytes: settings.budget,
    open: createSources({ upstream, foreignLayers, database, storing }),
    eviction: () => eviction,
  });

  let told: number | undefined;
  const flush = async (): Promise<void> => {
    await uses.flush();
    await state.flush();
    const counts = counters.take();
    if (Object.values(counts).some((count) => count > 0))
      await database.run("addMirrorCounters", { namespace, counts });
    const remaining = upstream.allowance.remaining();
    if (remaining === undefined || remaining === told) return;
    told = remaining;
    const gauge = { namespace, name: "upstreamRemaining", value: remaining };
    await database.run("setMirrorGauge", gauge);
  };
  const blobs = createMirrorBlobs({
    ...{ store, database, storing, arrivals, upstream, missing, uses, counters, pace },
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
      ...{ database, manifests, incoming, storing, upstream, missing, ttl, clock, counters, pace },
      bring: (place, digest) => blobs.bring(place, digest),
    }),
    lists: createMirrorLists({
      ...{ upstream, bodies, lists: parts.lists, ttl, clock },
      tags: createTags({ database, leasePolicy }),
      referrers: createReferrers({ database }),
    }),
    async close() {
      await platforms.close();
      await arrivals.close();
      await storing.settled();
      await foreign?.destroy();
      await flush().catch(report);
    },
  };
}
