import type { BlobStore, StoredObject } from "../../storage/blob-store.ts";
import type { Database } from "../database/database.ts";
import type { Clock } from "../registry/leases.ts";

const keysAtOnce = 500;
/**
 * The minimum age of an orphan, even with a short grace time: a file is older than its row by one flush, and a flush
 * can be slow.
 */
const leastAgeMs = 3_600_000;

/**
 * Yields files that have no row and are older than the grace time. A crash between writing a file and its row leaves
 * them. The age of a file is the age of its key, which no copy changes.
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
