import { notAuthorizedOf } from "./permissions/check.ts";
import type { CommandInput, CommandName, CommandResult } from "./commands.ts";

/** How sure a command is once it has resolved. */
export interface Durability {
  /** False: a power cut may take it back, until the next command that flushes. For what can be had again. */
  readonly flush: boolean;
}

/** Runs commands one after another; what it resolves with survives a power cut, unless it is told otherwise. */
export interface Writer {
  run<N extends CommandName>(
    name: N,
    input: CommandInput<N>,
    durability?: Durability,
  ): Promise<CommandResult<N>>;
  /** Rejects unless the database takes writes. */
  probe(): Promise<void>;
  close(): Promise<void>;
}

/** The database refused or is out of reach; `code` as the database gives it (`SQLITE_FULL`, `SQLITE_BUSY`, …). */
export class DatabaseError extends Error {
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.name = "DatabaseError";
    this.code = code;
  }
}

/** The error of a command as it was before it crossed a thread or a process. */
export const commandError = (message: string, code: string): Error =>
  notAuthorizedOf(code) ?? new DatabaseError(message, code);
