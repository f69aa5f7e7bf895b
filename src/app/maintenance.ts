import { mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import type { BlobStore } from "../../storage/blob-store.ts";
import { createClosing } from "../concurrency/closing.ts";
import type { Config } from "../config/schema.ts";
import { lockUnlessServed, openDataFolder } from "./data-folder.ts";
import { openSqliteDatabase, snapshotSqlite, type Database } from "../database/database.ts";
import { namespaceOf, type RepositoryName } from "../oci/name.ts";
import { createLeasePolicy } from "../registry/leases.ts";
import { check, type Finding } from "../maintenance/check.ts";
import { collect, type CollectionStep } from "../maintenance/collector.ts";
import { copyBlobs, markStoreMoved, type Copied } from "../maintenance/storage-copy.ts";
import { scrub, type Scrubbed } from "../maintenance/scrub.ts";
import { databaseFile, NoRegistryError, openStore } from "./stores.ts";

export { withStats, type CollectionStats } from "../maintenance/collector.ts";
export { NoRegistryError };
export type { CollectionStep, Copied, Finding };

/** The operations of the maintenance commands on a data folder, also while a server runs on it. */
export interface Maintenance {
  /** `deletesNow`: deletes bytes without waiting for `gc.deleteDelay`. */
  collect(deletesNow: boolean): AsyncIterable<CollectionStep>;
  /** The steps that {@link collect} would take now, computed on a copy of the database. Changes nothing. */
  dryRun(deletesNow: boolean): AsyncIterable<CollectionStep>;
  check(seen: () => void): AsyncIterable<Finding>;
  scrub(bytesPerSecond: number): AsyncIterable<Scrubbed>;
  /** Opens the store of another configuration, to copy each blob to it. */
  openCopy(other: Config): Promise<StoreCopy>;
  /** The number of blobs and their bytes, for a progress bar. */
  counts(): Promise<{ readonly blobs: number; readonly bytes: number }>;
  close(): Promise<void>;
}

export interface StoreCopy {
  readonly steps: AsyncIterable<Copied>;
  /** Whether a server runs on the data folder. Then another run must copy the blobs that are pushed during this one. */
  readonly isServed: boolean;
  /** See {@link markStoreMoved}. Only if `isServed` is false. */
  readonly markSourceMoved: () => Promise<void>;
  close(): Promise<void>;
}

/** The composition root of the maintenance commands: without HTTP. Throws like {@link openDataFolder}. */
export async function openMaintenance(config: Config): Promise<Maintenance> {
  const { store, database, close } = await openDataFolder(config);
  const clock = Date.now;
  // The command reports its findings itself.
  const report = { warn: () => undefined };
  const leaseTimes = {
    ...{ leaseMs: config.gc.lease, graceMs: config.gc.grace },
    deleteDelayMs: config.gc.deleteDelay,
  };
  const collection = (over: Database, deletesNow: boolean) => ({
    store,
    database: over,
    clock,
    leasePolicy: createLeasePolicy(
      clock,
      deletesNow ? { ...leaseTimes, deleteDelayMs: 0 } : leaseTimes,
    ),
    deleteUntagged: config.gc.deleteUntagged,
    graceMs: leaseTimes.graceMs,
    orphans: true,
  });

  const mirrored = new Set(config.mirrors.map(({ namespace }) => namespace));
  const isSparse = (name: RepositoryName): boolean =>
    config.sparse || mirrored.has(namespaceOf(name));

  return {
    collect: (deletesNow) => collect(collection(database, deletesNow)),
    async *dryRun(deletesNow) {
      const folder = await mkdtemp(path.join(config.data, "rehearsal-"));
      try {
        const copy = path.join(folder, "berth.db");
        await snapshotSqlite(databaseFile(config), copy);
        const copied = await openSqliteDatabase(copy);
        try {
          yield* collect({ ...collection(copied, deletesNow), store: dryRunStore(store) });
        } finally {
          await copied.close();
        }
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    check: (seen) =>
      check({ store, database, clock, report, graceMs: leaseTimes.graceMs, isSparse }, seen),
    scrub: (bytesPerSecond) => scrub({ store, database, clock, report, bytesPerSecond }),
    async openCopy(other) {
      const closing = createClosing();
      // Held until the end, so that no server starts during the copy.
      const lock = lockUnlessServed(config);
      closing.add(() => lock?.release());
      const to = await openStore(other);
      closing.add(() => to.close());
      return {
        steps: copyBlobs({ from: store, to, database }),
        isServed: lock === undefined,
        markSourceMoved: () => markStoreMoved({ store, database }),
        close: () => closing.run(),
      };
    },
    counts: () => database.maintenance.counts(),
    close,
  };
}

/** A store that deletes nothing and hides deleted keys from its list. */
function dryRunStore(store: BlobStore): Pick<BlobStore, "list" | "delete"> {
  const deleted = new Set<string>();
  return {
    async delete(key) {
      deleted.add(key);
    },
    async *list() {
      for await (const object of store.list()) if (!deleted.has(object.key)) yield object;
    },
  };
}
