import type { Database as SqliteConnection } from "better-sqlite3";
import { performAuthorized } from "../commands.ts";
import { queriesOn } from "./connection.ts";
import type { Answer, CommandFailure, Request } from "./writer.ts";

/** So that the first of a long queue need not wait for the last. */
const atMostTogether = 64;

/** Gives the next request if it is fit to be taken now. */
export type NextRequest = (isFit: (request: Request) => boolean) => Request | undefined;

/** Performs requests, as many in one transaction as `next` gives. */
export type GroupCommit = (next: NextRequest) => Promise<readonly Answer[]>;

/**
 * Commands that wait are taken together: one transaction, one flush of the disk, each in a savepoint of its own so
 * that one that fails takes nobody with it. The answers are there only after the commit. The order is kept.
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
  /** FULL: a commit is flushed. NORMAL: it is not, but whatever is flushed later flushes it too (one log, in order). */
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
      // A full disk or an I/O error may have ended the whole transaction already: then all in it have failed.
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
      // What needs no flush does not wait for one that it could do without.
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

/** An error as it crosses threads. */
export function describe(error: unknown): CommandFailure {
  const code = error instanceof Error && "code" in error ? String(error.code) : "INTERNAL";
  return { message: error instanceof Error ? error.message : String(error), code };
}
