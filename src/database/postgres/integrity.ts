import { DatabaseError } from "../errors.ts";
import type { PostgresPool } from "./connection.ts";

const insufficientPrivilege = "42501";

interface Relation {
  readonly oid: number;
  readonly name: string;
  readonly isIndex: boolean;
}

/**
 * The damage that PostgreSQL finds in Berth's tables and indexes, by its extension amcheck
 * (https://www.postgresql.org/docs/15/amcheck.html). Empty if the extension is not installed in the database, or if the
 * role may not use it. `quick`: without the indexes and without the texts that are stored apart.
 */
export async function findDamage(pool: PostgresPool, quick: boolean): Promise<readonly string[]> {
  const [extension] = await pool.read<{ readonly schema: string }>(
    `SELECT quote_ident(nspname) AS schema FROM pg_extension
     JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'amcheck'`,
  );
  if (extension === undefined) return [];
  const relations = await pool.read<Relation>(
    `SELECT pg_class.oid AS oid, relname AS name, relkind = 'i' AS "isIndex" FROM pg_class
     LEFT JOIN pg_am ON pg_am.oid = relam
     WHERE relnamespace = current_schema()::regnamespace AND relpersistence = 'p'
       AND (relkind = 'r' OR relkind = 'i' AND amname = 'btree')
     ORDER BY relkind, relname`,
  );
  const damage: string[] = [];
  for (const relation of relations) {
    if (relation.isIndex && quick) continue;
    const check = relation.isIndex
      ? `SELECT ${extension.schema}.bt_index_check($1::oid, heapallindexed => true)::text AS message`
      : `SELECT concat_ws(' ', 'block', blkno, 'tuple', offnum, msg) AS message
         FROM ${extension.schema}.verify_heapam($1::oid, check_toast => ${!quick})`;
    for (const message of await messagesOf(pool, check, relation.oid))
      damage.push(`${relation.name}: ${message}`);
  }
  return damage;
}

/**
 * What a check reports as rows or as an error of damage. A missing permission is no damage. Rejects with other errors of
 * the database, since then the relation was not checked.
 */
async function messagesOf(
  pool: PostgresPool,
  check: string,
  oid: number,
): Promise<readonly string[]> {
  const connection = await pool.connect();
  let isBroken = true;
  try {
    // A check reads all pages of the relation.
    await connection.query("BEGIN; SET LOCAL statement_timeout = 0");
    const { rows } = await connection.query<{ readonly message: string }>(check, [oid]);
    await connection.query("COMMIT");
    isBroken = false;
    return rows.map(({ message }) => message).filter((message) => message !== "");
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    if (error.failure === "damaged") return [error.message];
    if (error.code === insufficientPrivilege) return [];
    throw error;
  } finally {
    connection.release(isBroken);
  }
}
