import { setTimeout as sleep } from "node:timers/promises";
import { authorizeAgain, performAuthorized, type GivenInput } from "../authorized-commands.ts";
import type { CommandName } from "../commands.ts";
import type { Durability, Writer } from "../contract.ts";
import { DatabaseError } from "../errors.ts";
import { demandAuthority } from "../permissions/check.ts";
import type { PooledConnection, PostgresPool } from "./connection.ts";
import { isConnectionLost, isReadOnly, isTransient, postgresError } from "./errors.ts";
import { shortcuts, unflushedShortcuts, type Shortcut } from "./shortcuts.ts";

/** A command is tried again for this time, and at most this often. */
const retryMs = 20_000;
const triesAtMost = 10;
/** A constraint violation is another transaction's doing at first, and a fault of the program if it stays. */
const conflictsAtMost = 4;
/** How long the outcome of a COMMIT without an answer is asked for. */
const outcomeMs = 15_000;
const firstPauseMs = 5;
const longestPauseMs = 250;
/** Connections that the writer leaves to reads. */
const keptForReads = 2;

/**
 * Runs each command in a transaction of its own, READ COMMITTED, on a connection of the pool. The locks of the commands
 * decide their order. A command runs again after a deadlock, a lock timeout, a violated constraint, or a connection
 * that was lost before COMMIT was sent. If the answer of COMMIT is lost, the outcome is asked for and not guessed.
 * @param options.connections size of the pool
 */
export function createWriter(
  pool: PostgresPool,
  { connections }: { readonly connections: number },
): Writer {
  const slots = createSlots(Math.max(1, connections - keptForReads));
  const running = new Set<Promise<unknown>>();
  let isClosed = false;

  const run = async (name: CommandName, input: unknown, durability?: Durability) => {
    if (isClosed) throw closed();
    const isFlushed = durability?.flush ?? true;
    const outcome = slots(() =>
      retried(async () => {
        const shortcut = (isFlushed ? shortcuts : unflushedShortcuts)[name];
        const done = shortcut && (await tryShortcut(pool, shortcut, input));
        if (done !== undefined) return done.result;
        return await perform(pool, isFlushed ? begin : beginUnflushed, name, input);
      }),
    );
    running.add(outcome);
    return await outcome.finally(() => running.delete(outcome));
  };
  return {
    run,
    async probe() {
      const [row] = await pool.read<{ readonly isReadOnly: string }>(
        `SELECT current_setting('transaction_read_only') AS "isReadOnly"`,
      );
      if (row?.isReadOnly === "on")
        throw new DatabaseError("PostgreSQL accepts no writes", {
          code: "25006",
          failure: "read-only",
        });
    },
    async close() {
      isClosed = true;
      await Promise.allSettled(running);
    },
  };
}

const closed = (): DatabaseError =>
  new DatabaseError("the database is closed", { code: "WRITER_GONE", failure: "gone" });

/** Runs at most `count` functions at once; the others wait in order. */
function createSlots(count: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = count;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}

/** Runs `work` again after a failure that another transaction or a lost connection caused. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  const untilMs = performance.now() + retryMs;
  for (let tries = 1, conflicts = 0; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof DatabaseError && error.failure === "conflict") conflicts += 1;
      const mayRetry = isTransient(error) || isConnectionLost(error);
      const isLast = tries >= triesAtMost || conflicts >= conflictsAtMost;
      if (!mayRetry || isLast || performance.now() > untilMs) throw error;
      const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** (tries - 1));
      await sleep(pauseMs * (0.5 + Math.random()));
    }
  }
}

// The id of the transaction is read at its begin, since it must be known when the answer of COMMIT is lost.
const begin = "BEGIN; SELECT pg_current_xact_id()::text AS id";
const beginUnflushed =
  "BEGIN; SET LOCAL synchronous_commit = off; SELECT pg_current_xact_id()::text AS id";

/** The result of the command's shortcut; `undefined` if the case is not usual. */
async function tryShortcut(
  pool: PostgresPool,
  shortcut: Shortcut,
  input: unknown,
): Promise<{ readonly result: unknown } | undefined> {
  const { actor, nowMs } = input as GivenInput;
  const connection = await pool.connect();
  let isBroken = false;
  try {
    if (actor !== undefined) await demandAuthority(connection.queries, actor, nowMs);
    return await shortcut(connection, input);
  } catch (error) {
    isBroken = isConnectionLost(error) || isReadOnly(error);
    throw error;
  } finally {
    connection.release(isBroken);
  }
}

async function perform(
  pool: PostgresPool,
  beginText: string,
  name: CommandName,
  input: unknown,
): Promise<unknown> {
  const connection = await pool.connect();
  let isBroken = true;
  try {
    const transaction = await beginOn(connection, beginText);
    let result: unknown;
    try {
      result = await performAuthorized(connection.queries, name, input);
      await authorizeAgain(connection.queries, input);
    } catch (error) {
      if (!isConnectionLost(error)) {
        await connection.query("ROLLBACK");
        isBroken = false;
      }
      throw error;
    }
    isBroken = !(await commit(pool, connection, transaction));
    return result;
  } catch (error) {
    // A server that became a standby keeps its connections: another connection may reach the primary.
    if (isReadOnly(error)) isBroken = true;
    throw error;
  } finally {
    connection.release(isBroken);
  }
}

/** Begins a transaction and returns its id. */
async function beginOn(connection: PooledConnection, text: string): Promise<string> {
  // A text with several statements has a result for each.
  const results = (await connection.query(text)) as unknown as readonly {
    readonly rows: readonly { readonly id: string }[];
  }[];
  const id = results.at(-1)?.rows[0]?.id;
  if (id === undefined) throw new Error("BEGIN returned no transaction id");
  return id;
}

/**
 * Commits. If the answer is lost, asks for the outcome on another connection. Resolves with false if the transaction was
 * committed and its connection is lost.
 */
async function commit(
  pool: PostgresPool,
  connection: PooledConnection,
  transaction: string,
): Promise<boolean> {
  try {
    await connection.query("COMMIT");
    return true;
  } catch (error) {
    if (isConnectionLost(error) && (await outcomeOf(pool, transaction)) === "committed")
      return false;
    throw error;
  }
}

/** `committed` or `aborted`. Rejects with a DatabaseError `unknown` if PostgreSQL does not tell within 15 s. */
async function outcomeOf(
  pool: PostgresPool,
  transaction: string,
): Promise<"committed" | "aborted"> {
  const untilMs = performance.now() + outcomeMs;
  let reason: unknown = "in progress";
  do {
    try {
      const [row] = await pool.read<{ readonly status: string | null }>(
        "SELECT pg_xact_status($1::xid8) AS status",
        [transaction],
      );
      if (row?.status === "committed") return "committed";
      if (row?.status === "aborted") return "aborted";
    } catch (error) {
      // After a failover the new primary may not have seen the id: the transaction is lost with the old primary.
      if (error instanceof DatabaseError && error.code === "22023") return "aborted";
      reason = error;
    }
    await sleep(longestPauseMs);
  } while (performance.now() < untilMs);
  throw new DatabaseError("PostgreSQL does not tell whether the change was committed", {
    code: "COMMIT_UNKNOWN",
    failure: "unknown",
    cause: postgresError(reason),
  });
}
