import { DatabaseError, type DatabaseFailure } from "../errors.ts";
import { NotAuthorizedError } from "../permissions/check.ts";

/**
 * SQLSTATE codes (https://www.postgresql.org/docs/15/errcodes-appendix.html), or the first characters of them, and codes
 * of Node's sockets.
 */
const failures: readonly (readonly [code: string, failure: DatabaseFailure])[] = [
  ["53100", "full"], // disk_full
  ["25006", "read-only"], // read_only_sql_transaction: a standby
  ["55P03", "busy"], // lock_not_available
  ["40001", "busy"], // serialization_failure
  ["40P01", "busy"], // deadlock_detected
  ["57014", "busy"], // query_canceled: statement_timeout
  ["25P03", "gone"], // idle_in_transaction_session_timeout
  ["53", "gone"], // insufficient resources: too many connections, out of memory
  ["57P", "gone"], // the server stops, starts or recovers
  ["58", "gone"], // I/O error
  ["08", "gone"], // connection exceptions
  ["28", "gone"], // the password or pg_hba.conf changed
  ["3D000", "gone"], // the database is missing
  ["XX001", "damaged"],
  ["XX002", "damaged"],
  ["23", "conflict"], // integrity constraint violations
  ["E", "gone"], // ECONNREFUSED, ECONNRESET, EPIPE, ETIMEDOUT, ENOTFOUND, EAI_AGAIN
];

/** Code of errors of the driver that have none: the connection ended. */
const connectionLost = "08006";

/** An error of PostgreSQL or of the connection to it, as a DatabaseError with its class of failure. */
export function postgresError(error: unknown, context?: string): Error {
  if (error instanceof DatabaseError || error instanceof NotAuthorizedError) return error;
  if (!(error instanceof Error)) return new Error(String(error));
  const code = codeOf(error);
  const failure = failures.find(([start]) => code.startsWith(start))?.[1] ?? "other";
  const message = error.message === "" ? code : error.message;
  return new DatabaseError(context === undefined ? message : `${context}: ${message}`, {
    code,
    failure,
    cause: error,
  });
}

function codeOf(error: Error): string {
  if ("code" in error && typeof error.code === "string") return error.code;
  // Several addresses of a host were tried.
  if (error instanceof AggregateError && error.errors[0] instanceof Error)
    return codeOf(error.errors[0]);
  const isOfConnection =
    /^(Connection terminated|timeout exceeded|timeout expired|Client (has encountered|was closed)|The server does not|Cannot use a pool|Query read timeout)/.test(
      error.message,
    );
  return isOfConnection ? connectionLost : "INTERNAL";
}

/** The connection is not usable any more. */
export const isConnectionLost = (error: unknown): boolean =>
  error instanceof DatabaseError && error.failure === "gone";

/** The server is a standby: another connection may reach the primary. */
export const isReadOnly = (error: unknown): boolean =>
  error instanceof DatabaseError && error.failure === "read-only";

/** The command changed nothing, and may succeed when it runs again: another transaction was in its way. */
export const isTransient = (error: unknown): boolean =>
  error instanceof DatabaseError &&
  (error.failure === "conflict" || ["40001", "40P01", "55P03"].includes(error.code));
