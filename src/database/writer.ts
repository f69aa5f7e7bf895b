import { notAuthorizedOf } from "./permissions/check.ts";
import type { CommandName } from "./commands.ts";

/** Durability of a command after it resolves. */
export interface Durability {
  /** False: a power failure may undo the command, until a later command flushes. For data that can be recreated. */
  readonly flush: boolean;
}

/** Runs commands one after another. A resolved command survives a power failure, unless `durability` says otherwise. */
export interface Writer {
  run(name: CommandName, input: unknown, durability?: Durability): Promise<unknown>;
  /** Rejects unless the database accepts writes. */
  probe(): Promise<void>;
  close(): Promise<void>;
}

/** The database failed or is unreachable; `code` is the database's (`SQLITE_FULL`, `SQLITE_BUSY`, …). */
export class DatabaseError extends Error {
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.name = "DatabaseError";
    this.code = code;
  }
}

/** Restores the error of a command after it crossed a thread or a process. */
export const commandError = (message: string, code: string): Error =>
  notAuthorizedOf(code) ?? new DatabaseError(message, code);
