import { Kysely } from "kysely";
import pg from "pg";
import type { Db, Schema } from "../schema.ts";
import { BerthPostgresDialect } from "./dialect.ts";
import { isConnectionLost, postgresError } from "./errors.ts";

/** How Berth connects to PostgreSQL. */
export interface PostgresOptions {
  /** `postgres://user:password@host:port/database?sslmode=…` */
  readonly url: string;
  /** Maximum number of connections of this process. */
  readonly pool: number;
  /** Prepares statements by name. False: for a pgbouncer before 1.21 in transaction mode. */
  readonly prepare: boolean;
}

/** A new connection must answer in this time. */
const connectTimeoutMs = 3_000;
/** How long a query waits for a free connection of the pool, and a read for its answer. */
const waitTimeoutMs = 15_000;
/** Connections that are idle for this time are closed. */
const idleTimeoutMs = 60_000;

/**
 * Settings of each session. A session of a process that is frozen or cut off ends after 5 s in a transaction, so that its
 * locks do not stop other replicas.
 */
const sessionSettings = [
  "SET statement_timeout = '30s'",
  "SET lock_timeout = '5s'",
  "SET idle_in_transaction_session_timeout = '5s'",
  "SET client_min_messages = warning",
  // The compiler takes 100 ms for a query that takes 1 ms.
  "SET jit = off",
  // The server ends a statement 2 s after its connection was closed, as that of a read without an answer is. Not every
  // system has this setting.
  `DO $$ BEGIN
    SET client_connection_check_interval = '2s';
  EXCEPTION WHEN OTHERS THEN NULL; END $$`,
].join("; ");

/** Ids, sizes and times are below 2^53, so bigint and the sums of it are numbers. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === pg.types.builtins.INT8 || oid === pg.types.builtins.NUMERIC
      ? Number
      : pg.types.getTypeParser(oid, format),
};

class Client extends pg.Client {
  constructor(config: pg.ClientConfig = {}) {
    super({ ...config, connectionTimeoutMillis: connectTimeoutMs });
  }
}

/**
 * Condition that is always true. The commit of its statement does not wait for the disk, also if the statement is its own
 * transaction.
 */
export const unflushed = "(SELECT set_config('synchronous_commit', 'off', true)) = 'off'";

/** A connection that a caller has for itself, until it releases it. */
export interface PooledConnection {
  /** Rejects with DatabaseError. */
  query<Row>(text: string, values?: readonly unknown[]): Promise<pg.QueryResult<Row & object>>;
  /** Kysely on this connection, for the transaction that the caller began. Queries reject with DatabaseError. */
  readonly queries: Db;
  /** `isBroken` closes the connection. */
  release(isBroken?: boolean): void;
}

/** The connections of this process. */
export interface PostgresPool {
  /** Rejects with DatabaseError. */
  connect(): Promise<PooledConnection>;
  /**
   * Runs one statement that may run twice: after a lost connection it runs again on another one. Rejects with
   * DatabaseError.
   */
  read<Row>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** How many connections have ended with an error, by the server or by the network. */
  lostConnections(): number;
  close(): Promise<void>;
}

/** Opens the pool; connections are made when they are needed. */
export function openPool({ url, pool, prepare }: PostgresOptions): PostgresPool {
  const clients = new pg.Pool({
    connectionString: url,
    max: pool,
    Client,
    types,
    application_name: "berth",
    keepAlive: true,
    connectionTimeoutMillis: waitTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    allowExitOnIdle: true,
  });
  let lost = 0;
  // Without a listener an error of an idle connection ends the process.
  clients.on("error", () => undefined);
  clients.on("connect", (client) => {
    client.on("error", () => (lost += 1));
    // The client sends its queries in order, so the first query of a caller runs after this one.
    // One query: pg warns about a client with two queries in its queue.
    client.query(sessionSettings).catch(() => undefined);
  });
  const nameOf = prepare ? createStatementNames() : () => undefined;
  const connections = new WeakMap<pg.PoolClient, PooledConnection>();

  const connect = async (): Promise<PooledConnection> => {
    const client = await clients.connect().catch((error: unknown) => {
      throw postgresError(error, `no connection to ${serverOf(url)}`);
    });
    let connection = connections.get(client);
    if (connection === undefined)
      connections.set(client, (connection = connectionOn(client, nameOf)));
    return connection;
  };
  const readOnce = async <Row>(
    text: string,
    values: readonly unknown[],
  ): Promise<readonly Row[]> => {
    const connection = await connect();
    return await readOn<Row>(connection, text, values);
  };
  return {
    connect,
    async read<Row>(text: string, values: readonly unknown[] = []) {
      try {
        return await readOnce<Row>(text, values);
      } catch (error) {
        if (!isConnectionLost(error)) throw error;
        return await readOnce<Row>(text, values);
      }
    },
    lostConnections: () => lost,
    close: () => clients.end(),
  };
}

/** The server and the database of a URL without its password, for messages. */
function serverOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `PostgreSQL at ${host}, database ${decodeURIComponent(pathname.slice(1))} (database.url)`;
}

/** Reads on a connection and releases it. A read that takes longer than 15 s fails, and its connection is closed. */
async function readOn<Row>(
  connection: PooledConnection,
  text: string,
  values: readonly unknown[],
): Promise<readonly Row[]> {
  let isOver = false;
  const release = (isBroken: boolean): void => {
    if (!isOver) connection.release(isBroken);
    isOver = true;
  };
  const timer = setTimeout(() => release(true), waitTimeoutMs);
  try {
    const { rows } = await connection.query<Row>(text, values);
    release(false);
    return rows;
  } catch (error) {
    release(isConnectionLost(error));
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function connectionOn(
  client: pg.PoolClient,
  nameOf: (text: string) => string | undefined,
): PooledConnection {
  const query = async <Row>(text: string, values?: readonly unknown[]) => {
    try {
      if (values === undefined) return await client.query<Row & object>(text);
      const name = nameOf(text);
      const named = name === undefined ? { text } : { text, name };
      return await client.query<Row & object>({ ...named, values: values as unknown[] });
    } catch (error) {
      throw postgresError(error);
    }
  };
  return {
    query,
    queries: queriesWith(async (text, values) => {
      const { command, rowCount, rows } = await query<Record<string, unknown>>(text, values);
      return { command, rowCount: rowCount ?? 0, rows };
    }),
    release: (isBroken = false) => client.release(isBroken),
  };
}

/**
 * Each text gets a name, and PostgreSQL parses and plans it once per connection. Only the first 1,000 texts, because
 * PostgreSQL keeps the statements as long as the connection.
 */
function createStatementNames(): (text: string) => string | undefined {
  const names = new Map<string, string>();
  return (text) => {
    if (text.startsWith(planned) || text.length > namedLength) return undefined;
    const known = names.get(text);
    if (known !== undefined || names.size >= 1_000) return known;
    const name = `berth_${names.size}`;
    names.set(text, name);
    return name;
  };
}

/** A longer text inserts many rows: each number of rows would take a name. */
const namedLength = 4_000;

/** A text that begins with this has no name. */
const planned = "/* planned for its values */ ";

/**
 * As {@link queriesOnPool}, for lists: PostgreSQL plans each query for its values. The plan of a named statement is for
 * average values; it takes up to 500 times as long in a repository with 100,000 tags.
 */
export const queriesForLists = (pool: Pick<PostgresPool, "read">): Db =>
  queriesOnPool({ read: (text, values) => pool.read(planned + text, values) });

/** Kysely for reads: each query takes a connection of the pool. Queries reject with DatabaseError. */
export const queriesOnPool = (pool: Pick<PostgresPool, "read">): Db =>
  queriesWith(async (text, values) => {
    const rows = await pool.read<Record<string, unknown>>(text, values);
    return { command: "SELECT", rowCount: rows.length, rows: [...rows] };
  });

type RunQuery = (
  text: string,
  values: readonly unknown[],
) => Promise<{ command: string; rowCount: number; rows: Record<string, unknown>[] }>;

/** Kysely without its own pool: `query` runs each statement. */
function queriesWith(query: RunQuery): Db {
  const client = { query, release: () => undefined };
  return new Kysely<Schema>({
    dialect: new BerthPostgresDialect(
      { pool: { connect: async () => client as never, end: async () => undefined } },
      async (text, parameters) => (await query(text, parameters)).rows,
    ),
  });
}
