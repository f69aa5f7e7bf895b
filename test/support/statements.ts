import { mock } from "node:test";
import pg from "pg";
import SqliteDatabase, { type Statement } from "../../src/database/sqlite/driver.ts";
import { isPostgresTested } from "./postgres.ts";

type Call = (...input: unknown[]) => unknown;

/**
 * Calls the listener with the text of each query for several rows of this process, before it runs. The mocks call the
 * original; `mock.restoreAll()` removes them.
 */
export function watchQueries(listener: (text: string) => void): void {
  if (isPostgresTested) {
    const query = Reflect.get(pg.Client.prototype, "query") as Call;
    mock.method(pg.Client.prototype, "query", function (this: pg.Client, ...input: unknown[]) {
      listener(String((input[0] as { text?: unknown }).text));
      return query.apply(this, input);
    });
    return;
  }
  const statements = Object.getPrototypeOf(
    new SqliteDatabase(":memory:").prepare("SELECT 1"),
  ) as Statement;
  const all = Reflect.get(statements, "all") as Call;
  mock.method(statements, "all", function (this: Statement, ...parameters: unknown[]) {
    listener(this.source);
    return all.apply(this, parameters);
  });
}

/** Keeps the event loop for 11 ms, which is longer than one request may (10 ms): the server yields after each step. */
export const endTurn = (): void =>
  void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 11);
