import type { Coordination, SeenReplica, UploadHold } from "../coordination.ts";
import type { UploadRow } from "../registry/schema.ts";
import { unflushed, type PooledConnection, type PostgresPool } from "./connection.ts";

/** A replica that was not seen for this long is forgotten. */
const forgottenAfterMs = 60_000;
/** The lock of an upload ends this long after its last renewal. */
const uploadHeldMs = 3_000;
/** Number of the advisory lock of `runAlone`; it is Berth's own. */
const startLockId = 4_713_502;

/** The clock of the database. Not `now()`: that is the begin of the transaction, before the wait for a row. */
const nowMs = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
/**
 * The coordination of several processes on one PostgreSQL database. What a crash of the database loses, the replicas write
 * again. `schemaVersion`: the newest known migration. */
export function createCoordination(
  pool: Pick<PostgresPool, "connect" | "read">,
  schemaVersion: number,
): Coordination {
  return {
    async nowMs() {
      const [row] = await pool.read<{ readonly now: number }>(`SELECT ${nowMs} AS now`);
      return row?.now ?? Date.now();
    },
    runAlone: (work) => runAlone(pool, work),
    async transactions() {
      const [row] = await pool.read<{ readonly oldest: number; readonly next: number }>(
        `SELECT pg_snapshot_xmin(seen)::text::bigint AS oldest, pg_snapshot_xmax(seen)::text::bigint AS next
         FROM pg_current_snapshot() AS seen`,
      );
      return row ?? { oldest: 0, next: Infinity };
    },
    ...createReplicaRows(pool, schemaVersion),
    ...createLeaseRows(pool),
    ...createUploadHolds(pool),
  };
}

/** The lock of a transaction, which also works behind pgbouncer. It is in a session that does nothing else. */
async function runAlone<T>(
  pool: Pick<PostgresPool, "connect">,
  work: () => Promise<T>,
): Promise<T> {
  const connection = await pool.connect();
  let isBroken = true;
  try {
    await connection.query(
      `BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0;
       SET LOCAL idle_in_transaction_session_timeout = '60s'; SELECT pg_advisory_xact_lock(${startLockId})`,
    );
    const result = await work();
    await connection.query("COMMIT");
    isBroken = false;
    return result;
  } finally {
    // The end of the connection ends its transaction.
    connection.release(isBroken);
  }
}

const seeReplica = `
  WITH forgotten AS (
    DELETE FROM replicas WHERE id IN (
      SELECT id FROM replicas WHERE seen_at < ${nowMs} - ${forgottenAfterMs} AND id <> $1 FOR UPDATE SKIP LOCKED))
  INSERT INTO replicas (id, host, version, schema_version, started_at, seen_at)
  SELECT $1, $2, $3, $4, ${nowMs}, ${nowMs} WHERE ${unflushed}
  ON CONFLICT (id) DO UPDATE SET seen_at = ${nowMs}
  RETURNING seen_at AS now`;

/** Condition: a replica runs. */
const isServed = `EXISTS (SELECT 1 FROM replicas WHERE seen_at >= ${nowMs} - ${forgottenAfterMs})`;

/**
 * Stops replicas from starting until the transaction of the connection ends: they wait in `runAlone`. False: a replica
 * runs or starts.
 */
export async function excludeReplicas(connection: PooledConnection): Promise<boolean> {
  const { rows } = await connection.query<{ readonly isAlone: boolean }>(
    `SELECT pg_try_advisory_xact_lock(${startLockId}) AND NOT ${isServed} AS "isAlone"`,
  );
  return rows[0]?.isAlone === true;
}

const listReplicas = `
  SELECT id, host, version, schema_version AS "schemaVersion", started_at AS "startedAtMs",
    ${nowMs} - seen_at AS "unseenMs"
  FROM replicas WHERE seen_at >= ${nowMs} - ${forgottenAfterMs} ORDER BY started_at, id`;

function createReplicaRows(pool: Pick<PostgresPool, "read">, schemaVersion: number) {
  return {
    async seeReplica({ id, host, version }) {
      const values = [id, host, version, schemaVersion];
      const [row] = await pool.read<{ readonly now: number }>(seeReplica, values);
      return row?.now ?? Date.now();
    },
    listReplicas: () => pool.read<SeenReplica>(listReplicas),
    async forgetReplica(id) {
      await pool.read(`DELETE FROM replicas WHERE id = $1 AND ${unflushed}`, [id]);
    },
  } satisfies Partial<Coordination>;
}

const takeLease = `
  INSERT INTO leases AS old (name, owner, leased_until, term)
  SELECT $1, $2, ${nowMs} + $3, 1 WHERE ${unflushed}
  ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, leased_until = ${nowMs} + $3,
    term = old.term + CASE WHEN old.owner = excluded.owner THEN 0 ELSE 1 END
  WHERE old.owner = excluded.owner OR old.leased_until < ${nowMs}
  RETURNING term`;

function createLeaseRows(pool: Pick<PostgresPool, "read">) {
  return {
    async takeLease(name, owner, forMs) {
      const [row] = await pool.read<{ readonly term: number }>(takeLease, [name, owner, forMs]);
      return row?.term;
    },
    async releaseLease(name, owner) {
      const text = `UPDATE leases SET leased_until = 0 WHERE name = $1 AND owner = $2 AND ${unflushed}`;
      await pool.read(text, [name, owner]);
    },
    async takeScheduleRun(name, atMs) {
      const taken = await pool.read(
        `INSERT INTO schedules AS old (name, ran_at) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET ran_at = excluded.ran_at WHERE old.ran_at < excluded.ran_at
         RETURNING name`,
        [name, atMs],
      );
      return taken.length > 0;
    },
  } satisfies Partial<Coordination>;
}

const holdUpload = `
  WITH old AS (
    SELECT id, holder, coalesce(holder = $2 OR held_until < ${nowMs}, true) AS is_free
    FROM uploads WHERE id = $1 FOR NO KEY UPDATE)
  UPDATE uploads AS upload SET
    holder = CASE WHEN is_free THEN $2 ELSE old.holder END,
    held_until = CASE WHEN is_free THEN ${nowMs} + ${uploadHeldMs} ELSE held_until END,
    wanted = CASE WHEN is_free THEN 0 ELSE 1 END
  FROM old WHERE upload.id = old.id AND ${unflushed}
  RETURNING is_free AS "isFree", old.holder IS NOT NULL AS "isTakenOver", upload.id, repository,
    storage_reference, started_at, touched_at, account_id, held_until`;

const renewUploads = `
  UPDATE uploads SET held_until = ${nowMs} + ${uploadHeldMs}
  WHERE id IN (SELECT id FROM uploads WHERE id = ANY($1::text[]) AND holder = $2 ORDER BY id FOR NO KEY UPDATE)
    AND ${unflushed}
  RETURNING id, wanted`;

function createUploadHolds(pool: Pick<PostgresPool, "read">) {
  return {
    async holdUpload(id, holder): Promise<UploadHold> {
      type Found = UploadRow & { readonly isFree: boolean; readonly isTakenOver: boolean };
      const [found] = await pool.read<Found>(holdUpload, [id, holder]);
      if (found === undefined) return { state: "absent" };
      const { isFree, isTakenOver, ...row } = found;
      return isFree ? { state: "held", row, isTakenOver } : { state: "busy" };
    },
    async renewUploads(ids, holder) {
      const rows = await pool.read<{ readonly id: string; readonly wanted: number }>(renewUploads, [
        ids,
        holder,
      ]);
      return new Map(rows.map(({ id, wanted }) => [id, wanted === 1]));
    },
    async releaseUpload(id, holder) {
      // It waits for the disk: the bytes that the client sent belong to a row that a crash does not lose.
      const text = "UPDATE uploads SET holder = NULL, wanted = 0 WHERE id = $1 AND holder = $2";
      await pool.read(text, [id, holder]);
    },
    async isUploadHeld(id) {
      const text = `SELECT 1 FROM uploads WHERE id = $1 AND holder IS NOT NULL AND held_until >= ${nowMs}`;
      return (await pool.read(text, [id])).length > 0;
    },
  } satisfies Partial<Coordination>;
}
