import type { CommandInput, CommandName, CommandResult } from "./commands.ts";

/** Runs commands one after another; what it resolves with survives a power cut. */
export interface Writer {
  run<N extends CommandName>(name: N, input: CommandInput<N>): Promise<CommandResult<N>>;
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
