/**
 * What failed, whichever database it is:
 * - `full`: no space is left; a retry alone does not help
 * - `read-only`: the database accepts no writes
 * - `busy`: another process holds a lock
 * - `gone`: the database, or the thread that writes to it, cannot be reached
 * - `conflict`: the change contradicts another change
 * - `unknown`: the change may be committed or not, so its bytes must stay
 * - `damaged`: the stored data cannot be read
 * - `other`: a fault of the program
 */
export type DatabaseFailure =
  | "full"
  | "read-only"
  | "busy"
  | "gone"
  | "conflict"
  | "unknown"
  | "damaged"
  | "other";

/** The database failed or is unreachable; `code` is the database's own (`SQLITE_FULL`, `SQLITE_BUSY`, …). */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
  readonly code: string;
  readonly failure: DatabaseFailure;

  constructor(
    message: string,
    {
      code,
      failure,
      cause,
    }: { readonly code: string; readonly failure: DatabaseFailure; readonly cause?: unknown },
  ) {
    super(message, { cause });
    this.code = code;
    this.failure = failure;
  }
}
