import type { Reads } from "./reads.ts";
import { startWriter } from "./sqlite/writer.ts";
import type { Writer } from "./writer.ts";

/** What we know about bytes: reads that never wait for a writer, and commands that are durable when they resolve. */
export interface Database extends Omit<Reads, "probe" | "close" | "invalidate"> {
  readonly run: Writer["run"];
  /** Rejects, saying what is wrong, unless the database answers and takes writes. */
  probe(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens (and if need be makes, or brings up to date) the SQLite database in `file`. `lent`: another process writes to
 * it for us, and has brought it up to date.
 */
export async function openSqliteDatabase(file: string, sharedWriter?: Writer): Promise<Database> {
  // The writer's thread loads its modules while this one loads its own: half of the time to start.
  const [writer, { openReads }] = await Promise.all([
    sharedWriter ?? startWriter(file),
    import("./reads.ts"),
  ]);
  const reads = openReads(file);
  return {
    ...reads,
    run: (name, input, durability) =>
      writer.run(name, input, durability).finally(() => {
        reads.invalidate();
      }),
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

/** A consistent copy of the database in `file`, taken while others write to it. */
export async function snapshotSqlite(file: string, target: string): Promise<void> {
  const { openReadConnection } = await import("./sqlite/connection.ts");
  const connection = openReadConnection(file);
  try {
    await connection.backup(target);
  } finally {
    connection.close();
  }
}
