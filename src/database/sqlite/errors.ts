import { DatabaseError, type DatabaseFailure } from "../errors.ts";
import { notAuthorizedOf } from "../permissions/check.ts";

/** The first words of SQLite's result codes; the extended codes (`SQLITE_IOERR_WRITE`) add to them. */
const failures: readonly (readonly [code: string, failure: DatabaseFailure])[] = [
  ["SQLITE_FULL", "full"],
  ["SQLITE_READONLY", "read-only"],
  ["SQLITE_BUSY", "busy"],
  ["SQLITE_LOCKED", "busy"],
  ["SQLITE_PROTOCOL", "busy"],
  ["SQLITE_IOERR", "gone"],
  ["SQLITE_CANTOPEN", "gone"],
  ["WRITER_GONE", "gone"],
  ["SQLITE_CONSTRAINT", "conflict"],
  ["SQLITE_CORRUPT", "damaged"],
  ["SQLITE_NOTADB", "damaged"],
];

/** An error with a code of SQLite or of the writer thread, with its class of failure. */
export const sqliteError = (message: string, code: string, cause?: unknown): DatabaseError =>
  new DatabaseError(message, {
    code,
    failure: failures.find(([start]) => code.startsWith(start))?.[1] ?? "other",
    cause,
  });

/** Restores the error of a command after it crossed a thread or a process, where its class is lost. */
export const commandError = (message: string, code: string): Error =>
  notAuthorizedOf(code) ?? sqliteError(message, code);
