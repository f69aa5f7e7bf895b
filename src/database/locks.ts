import type { SelectQueryBuilder } from "kysely";
import { dialectOf, type RowLock } from "./dialect.ts";
import type { Db } from "./schema.ts";

/*
 * The locks of commands. In PostgreSQL several commands run at the same time; in SQLite a command is alone, and a lock
 * does nothing.
 *
 * Every command takes its locks in this order, so that two commands never wait for each other:
 *
 *   1. names, in the order of `LockedName`
 *   2. organisations, by id; then a user
 *   3. the repository; several by id
 *   4. blobs, by id
 *   5. the upload
 *   6. the quota of the namespace; several by name
 *   7. other rows: links, manifests, tags, GC candidates
 *   8. the removal number
 *
 * A statement reads the rows as they were when it began. If it waits for a lock, it reads the new version of the locked
 * row, but still the old version of all other rows. So a command that asks whether a row exists, or that reads a row
 * which a lock protects, does it in a statement after the one that locks.
 */

/** The query, which also locks rows until the transaction ends. */
export const locked = <Tables, Table extends keyof Tables, Row>(
  tx: Db,
  query: SelectQueryBuilder<Tables, Table, Row>,
  ...locks: readonly RowLock[]
): SelectQueryBuilder<Tables, Table, Row> => dialectOf(tx).locked(query, ...locks);

/** Locks the rows of a query, in its order. */
export async function lockRows<Tables, Table extends keyof Tables, Row>(
  tx: Db,
  query: SelectQueryBuilder<Tables, Table, Row>,
  lock: RowLock,
): Promise<void> {
  const all = locked(tx, query, lock);
  if (all === query) return;
  await tx
    .selectFrom(all.as("locked"))
    .select(({ fn }) => fn.countAll().as("count"))
    .execute();
}

/** What a command locks that has no row, or that is a set of rows. */
type LockedName =
  /** The mirrors that the API has added. */
  | "added mirrors"
  /** The set of enabled administrators. */
  | "administrators"
  /** The evictions of a mirror. */
  | `evictions of ${string}`
  /** The account, the repositories and the quota of a namespace: whether they exist. */
  | `namespace ${string}`
  /** The running jobs. */
  | "jobs"
  /** The newest key that signs tokens. */
  | "signing keys"
  /** The number of the last removal of a repository. */
  | "removal number";

/** Locks a name until the transaction ends, for this transaction alone. */
export const lockName = (tx: Db, name: LockedName): Promise<void> =>
  dialectOf(tx).lockName(tx, name, "alone");

/** Locks a name until the transaction ends; others may share it. */
export const shareName = (tx: Db, name: LockedName): Promise<void> =>
  dialectOf(tx).lockName(tx, name, "shared");
