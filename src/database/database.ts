import type { Commands } from "./commands.ts";
import type { Reads } from "./reads.ts";
import { startWriter } from "./sqlite/writer.ts";
import type { Writer } from "./writer.ts";

/** The metadata of the registry. Reads never wait for a writer. A command is durable when it resolves. */
export interface Database extends Omit<Reads, "probe" | "close" | "invalidate"> {
  /** Each is durable when it resolves, except in `src/mirror`, which puts `unflushedCommands` here. */
  readonly commands: Commands;
  /**
   * The same commands without a flush: a power failure may undo them, until another command flushes. For data that can
   * be recreated.
   */
  readonly unflushedCommands: Commands;
  /** Runs commands by name, for the other processes that share this database. */
  readonly writer: Writer;
  /** Rejects with the reason unless the database answers and accepts writes. */
  probe(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the SQLite database in `file`; creates or migrates it if needed. With `sharedWriter`, another process writes
 * and has migrated the database already.
 */
export async function openSqliteDatabase(file: string, sharedWriter?: Writer): Promise<Database> {
  // The writer thread loads its modules while this thread loads its own: this halves the startup time.
  const [writer, { openReads }, { createCommands }] = await Promise.all([
    sharedWriter ?? startWriter(file),
    import("./reads.ts"),
    import("./commands.ts"),
  ]);
  const reads = openReads(file);
  const run: Writer["run"] = (name, input, durability) =>
    writer.run(name, input, durability).finally(() => {
      reads.invalidate();
    });
  return {
    ...reads,
    commands: createCommands((name, input) => run(name, input)),
    unflushedCommands: createCommands((name, input) => run(name, input, { flush: false })),
    writer: { ...writer, run },
    probe: async () => {
      await reads.probe();
      await writer.probe();
    },
    close: async () => {
      await reads.close();
      await writer.close();
    },
  };
}

/** Writes a consistent copy of the database in `file` to `target` while other connections write. */
export async function snapshotSqlite(file: string, target: string): Promise<void> {
  const { openReadConnection } = await import("./sqlite/connection.ts");
  const connection = openReadConnection(file);
  try {
    await connection.backup(target);
  } finally {
    connection.close();
  }
}
