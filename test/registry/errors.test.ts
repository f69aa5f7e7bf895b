import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DatabaseError, type DatabaseFailure } from "../../src/database/errors.ts";
import { sqliteError } from "../../src/database/sqlite/errors.ts";
import { describeFailure } from "../../src/registry/errors.ts";

const statusOf = (error: unknown): number | undefined => describeFailure(error)?.status;

describe("a failure of the database or of the blob store", () => {
  test("of the database has a status for each class, and no answer of its own if it is a fault", () => {
    const expected: Readonly<Record<DatabaseFailure, number | undefined>> = {
      full: 507,
      "read-only": 503,
      busy: 503,
      gone: 503,
      conflict: undefined,
      unknown: 503,
      damaged: undefined,
      other: undefined,
    };
    for (const [failure, status] of Object.entries(expected))
      assert.equal(
        statusOf(new DatabaseError("x", { code: "X", failure: failure as DatabaseFailure })),
        status,
        failure,
      );
  });

  test("of SQLite has the class of its code, also of an extended code", () => {
    const expected = {
      SQLITE_FULL: 507,
      SQLITE_READONLY_DBMOVED: 503,
      SQLITE_BUSY_SNAPSHOT: 503,
      SQLITE_IOERR_READ: 503,
      SQLITE_CANTOPEN: 503,
      WRITER_GONE: 503,
      SQLITE_CONSTRAINT_UNIQUE: undefined,
      SQLITE_CORRUPT_INDEX: undefined,
      SQLITE_NOTADB: undefined,
      INTERNAL: undefined,
    };
    for (const [code, status] of Object.entries(expected))
      assert.equal(statusOf(sqliteError("x", code)), status, code);
  });

  test("of the store has the status of its code", () => {
    const expected = {
      ENOSPC: 507,
      S3_QuotaExceeded: 507,
      EROFS: 503,
      EIO: 503,
      S3_SlowDown: 503,
      UPLOAD_TOO_LARGE: 413,
      ERR_ASSERTION: undefined,
    };
    for (const [code, status] of Object.entries(expected))
      assert.equal(statusOf(Object.assign(new Error("x"), { code })), status, code);
  });

  test("that a retry may end names the time of the retry, and a full disk names none", () => {
    const headersOf = (code: string) =>
      describeFailure(Object.assign(new Error("x"), { code }))?.headers;
    assert.deepEqual(headersOf("EIO"), { "Retry-After": "5" });
    assert.equal(headersOf("ENOSPC"), undefined);
  });
});
