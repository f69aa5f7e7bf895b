import type { Database as SqliteConnection } from "./driver.ts";
import { performAuthorized } from "../authorized-commands.ts";
import { queriesOn } from "./connection.ts";
import type { Answer, CommandFailure, Request } from "./writer.ts";

/** Limits a transaction to 64 commands, so that the first of a long queue does not wait for the last. */
const atMostTogether = 64;

/** Returns the next request if `isFit` accepts it. */
export type NextRequest = (isFit: (request: Request) => boolean) => Request | undefined;

/** Performs requests; one transaction takes as many as `next` returns. */
type GroupCommit = (next: NextRequest) => Promise<readonly Answer[]>;

/**
 * Waiting commands share one transaction and one fsync. Each runs in its own savepoint, so that a failed command does
 * not roll the others back. The answers are returned after the commit, in the order of the commands.
 */
export function createGroupCommit(connection: SqliteConnection): GroupCommit {
  const queries = queriesOn(connection);
  const begin = connection.prepare("BEGIN IMMEDIATE");
  const commit = connection.prepare("COMMIT");
  const rollback = connection.prepare("ROLLBACK");
  const savepoint = connection.prepare("SAVEPOINT command");
  const release = connection.prepare("RELEASE command");
  const undo = connection.prepare("ROLLBACK TO command");
  let flushes: boolean | undefined;
  /** FULL: a commit is flushed. NORMAL: it is not flushed, but a later flush includes it (one log, in order). */
  const setFlush = (flush: boolean): void => {
    if (flush !== flushes) connection.pragma(`synchronous = ${flush ? "FULL" : "NORMAL"}`);
    flushes = flush;
  };

  const perform = async ({ id, command: name, input }: Request): Promise<Answer> => {
    if (name === "probe") return { id, result: undefined };
    savepoint.run();
    try {
      const result = await performAuthorized(queries, name, input);
      release.run();
      return { id, result };
    } catch (error) {
      // A full disk or an I/O error may have rolled back the whole transaction: then all of its commands have failed.
      if (!connection.inTransaction) throw error;
      undo.run();
      release.run();
      return { id, error: describe(error) };
    }
  };

  return async (next) => {
    const taken: Request[] = [];
    let mayFlush = true;
    const take = (): Request | undefined => {
      if (taken.length >= atMostTogether) return undefined;
      const request = next(({ flush }) => mayFlush || !flush);
      if (request !== undefined) taken.push(request);
      return request;
    };
    let request = take();
    try {
      // If the first command needs no flush, only such commands join its transaction: they do not wait for a flush.
      mayFlush = request?.flush ?? false;
      setFlush(mayFlush);
      begin.run();
      const answers: Answer[] = [];
      for (; request !== undefined; request = take()) answers.push(await perform(request));
      commit.run();
      return answers;
    } catch (error) {
      if (connection.inTransaction) rollback.run();
      return taken.map(({ id }) => ({ id, error: describe(error) }));
    }
  };
}

/** Converts an error to plain data that crosses threads. */
export function describe(error: unknown): CommandFailure {
  const code = error instanceof Error && "code" in error ? String(error.code) : "INTERNAL";
  return { message: error instanceof Error ? error.message : String(error), code };
}
