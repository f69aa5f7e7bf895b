import type { BlobStore, StoredObject } from "../../storage/blob-store.ts";
import type { Database } from "../database/database.ts";
import type { Clock } from "../registry/leases.ts";

const keysAtOnce = 500;
/** However short the grace: a file may be older than its row by the time that a slow disk takes for one flush. */
const leastAgeMs = 3_600_000;

/**
 * Files that no row names and that are older than the grace time: what a crash between a file and its row left. Their
 * age is that of their key, which no copy changes.
 */
export async function* findOrphans(parts: {
  readonly store: Pick<BlobStore, "list">;
  readonly database: Pick<Database, "maintenance">;
  readonly clock: Clock;
  readonly graceMs: number;
}): AsyncGenerator<StoredObject> {
  const { store, database, clock, graceMs } = parts;
  let batch: StoredObject[] = [];
  const unknown = async (): Promise<readonly StoredObject[]> => {
    const known = await database.maintenance.knownKeys(batch.map(({ key }) => key));
    const orphans = batch.filter(({ key }) => !known.has(key));
    batch = [];
    return orphans;
  };
  for await (const object of store.list()) {
    if (object.createdAtMs > clock() - Math.max(graceMs, leastAgeMs)) continue;
    batch.push(object);
    if (batch.length >= keysAtOnce) yield* await unknown();
  }
  if (batch.length > 0) yield* await unknown();
}
