import assert from "node:assert/strict";
import { describe, test } from "node:test";
import SqliteDatabase, {
  type Database,
  type Statement,
} from "../../../src/database/sqlite/driver.ts";
import { DatabaseError } from "../../../src/database/errors.ts";
import { migrate } from "../../../src/database/sqlite/migrate.ts";
import { createSqliteReads } from "../../../src/database/sqlite/reads.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { parseReference } from "../../../src/oci/reference.ts";

const name = parseRepositoryName("team/app");
const isIoError = (error: unknown): boolean =>
  error instanceof DatabaseError && error.failure === "gone" && error.code === "SQLITE_IOERR_READ";

/** The connection, whose statements fail while `fails.now`. */
function failing(connection: Database, fails: { now: boolean }) {
  const broken = (statement: Statement): Statement =>
    new Proxy(statement, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        return (...input: unknown[]) => {
          if (fails.now && (key === "get" || key === "all"))
            throw new SqliteDatabase.SqliteError("disk I/O error", "SQLITE_IOERR_READ");
          const result: unknown = Reflect.apply(value, target, input);
          return result === target ? broken(target) : result;
        };
      },
    });
  return new Proxy(connection, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key, target);
      if (key === "prepare") return (text: string) => broken(target.prepare(text));
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

describe("reads of a database whose disk fails", () => {
  test("reject with DatabaseError and its class of failure: queries, facts and the version", async () => {
    const fails = { now: false };
    const connection = new SqliteDatabase(":memory:");
    migrate(connection);
    const { reads, invalidate } = createSqliteReads(failing(connection, fails));
    assert.equal((await reads.facts.repositories.get(name)).isThere, false);
    fails.now = true;
    invalidate();
    await assert.rejects(reads.version(), isIoError);
    await assert.rejects(reads.facts.repositories.get(name), isIoError);
    await assert.rejects(reads.facts.manifests.get(name, parseReference("1")), isIoError);
    await assert.rejects(reads.repositories.find(name), isIoError);
    assert.throws(() => reads.facts.ofManifest(name, parseReference("1")), isIoError);
  });
});
