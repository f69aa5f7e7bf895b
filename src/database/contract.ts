import type { PullCounterStore } from "./catalog/pull-counters.ts";
import type { CommandName, Commands } from "./commands.ts";
import type { Coordination } from "./coordination.ts";
import type { Reads } from "./reads.ts";

/*
 * What the program needs of a database. Everything is asynchronous, except the facts that SQLite has in memory. A database
 * that fails rejects with DatabaseError.
 */

/** The metadata of the registry. Reads never wait for a writer. A command is durable when it resolves. */
export interface Database extends Reads {
  /** Each is durable when it resolves, except in `src/mirror` and for an import, which put `unflushedCommands` here. */
  readonly commands: Commands;
  /**
   * The same commands without a flush: a power failure may undo them, until another command flushes. For data that can
   * be recreated.
   */
  readonly unflushedCommands: Commands;
  /** Runs commands by name, for the other processes that share this database. */
  readonly writer: Writer;
  /** What several processes on the database agree on; SQLite has none, because a data folder has one server. */
  readonly coordination?: Coordination;
  /** The pull counters, if this database has them; beside SQLite they have a file of their own. */
  readonly pullCounters?: PullCounterStore;
  /** Rejects with the reason unless the database answers and accepts writes. */
  probe(): Promise<void>;
  close(): Promise<void>;
}

/** Durability of a command after it resolves. */
export interface Durability {
  /** False: a power failure may undo the command, until a later command flushes. For data that can be recreated. */
  readonly flush: boolean;
}

/** Runs a command of this process and measures it: `run` sends it to the writer. */
export type CommandMeter = <T>(name: CommandName, run: () => Promise<T>) => Promise<T>;

/** Runs commands. A resolved command survives a power failure, unless `durability` says otherwise. */
export interface Writer {
  run(name: CommandName, input: unknown, durability?: Durability): Promise<unknown>;
  /** Rejects unless the database accepts writes. */
  probe(): Promise<void>;
  close(): Promise<void>;
}
