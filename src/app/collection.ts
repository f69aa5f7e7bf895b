import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { BlobStore } from "../../storage/blob-store.ts";
import type { Database } from "../database/contract.ts";
import { collect, type CollectionStep } from "../maintenance/collector.ts";
import { createLeasePolicy } from "../registry/leases.ts";
import type { AppContext } from "./context.ts";
import { hasDataFolder } from "./data-folder.ts";

/* Collections that an administrator starts. */

/** Deletes what is due. `deletesNow`: also bytes that would wait for `gc.deleteDelay`. */
export async function* collectNow(
  context: AppContext,
  deletesNow: boolean,
): AsyncGenerator<CollectionStep> {
  const parts = { store: await context.store(), database: await context.database() };
  yield* collectionOf(context, parts, deletesNow);
}

/** The steps that {@link collectNow} would take now, computed on a copy of the database. Changes nothing. */
export async function* dryRun(
  context: AppContext,
  deletesNow: boolean,
): AsyncGenerator<CollectionStep> {
  const folder = await makeDryRunFolder(context);
  try {
    yield* dryRunIn(folder, context, deletesNow);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const makeDryRunFolder = ({ config }: AppContext): Promise<string> =>
  mkdtemp(path.join(hasDataFolder(config) ? config.data : tmpdir(), "dry-run-"));

/** The same with the copy of the database in a folder, which the caller removes. */
async function* dryRunIn(
  folder: string,
  context: AppContext,
  deletesNow: boolean,
): AsyncGenerator<CollectionStep> {
  const [{ openSqliteDatabase }, { snapshotDatabase }] = await Promise.all([
    import("../database/sqlite/open.ts"),
    import("./database-copy.ts"),
  ]);
  const database = await openSqliteDatabase(await snapshotDatabase(context.config, folder));
  try {
    const store = dryRunStore(await context.store());
    yield* collectionOf(context, { store, database }, deletesNow);
  } finally {
    await database.close();
  }
}

function collectionOf(
  { clock, config, leaseTimes }: AppContext,
  parts: { readonly store: Pick<BlobStore, "list" | "delete">; readonly database: Database },
  deletesNow: boolean,
): AsyncIterable<CollectionStep> {
  const times = deletesNow ? { ...leaseTimes, deleteDelayMs: 0 } : leaseTimes;
  return collect({
    ...parts,
    clock,
    leasePolicy: createLeasePolicy(clock, times),
    deleteUntagged: config.gc.deleteUntagged,
    graceMs: leaseTimes.graceMs,
    orphans: true,
  });
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
