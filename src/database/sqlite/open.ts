import type { CommandMeter, Database, Writer } from "../contract.ts";
import { startWriter } from "./writer.ts";

/**
 * Opens the SQLite database in `file`; creates or migrates it if needed. With `sharedWriter`, another process writes
 * and has migrated the database already.
 * @param meter measures the commands of this process, not those that others run with its writer
 */
export async function openSqliteDatabase(
  file: string,
  sharedWriter?: Writer,
  meter?: CommandMeter,
): Promise<Database> {
  // The writer thread loads its modules while this thread loads its own: this halves the startup time.
  const [writer, { openReads }, { createCommands }] = await Promise.all([
    sharedWriter ?? startWriter(file),
    import("./reads.ts"),
    import("../commands.ts"),
  ]);
  const { reads, invalidate, probe, close } = openReads(file);
  const run: Writer["run"] = (name, input, durability) =>
    writer.run(name, input, durability).finally(invalidate);
  const command: Writer["run"] = (name, input, durability) =>
    meter === undefined
      ? run(name, input, durability)
      : meter(name, () => run(name, input, durability));
  return {
    ...reads,
    commands: createCommands((name, input) => command(name, input)),
    unflushedCommands: createCommands((name, input) => command(name, input, { flush: false })),
    writer: { ...writer, run },
    probe: async () => {
      await probe();
      await writer.probe();
    },
    close: async () => {
      await close();
      await writer.close();
    },
  };
}

/** 4 MiB: such a step keeps the event loop for a few milliseconds. */
const pagesPerStep = 1_000;

/** Writes a consistent copy of the database in `file` to `target` while other connections write. */
export async function snapshotSqlite(file: string, target: string): Promise<void> {
  const { openReadConnection } = await import("./connection.ts");
  const connection = openReadConnection(file);
  try {
    // SQLite begins the copy again when another connection has written since the last step, unless one transaction reads
    // the whole file: under load the copy would never end.
    connection.exec("BEGIN");
    connection.prepare("SELECT count(*) FROM sqlite_schema").get();
    await connection.backup(target, { progress: () => pagesPerStep });
  } finally {
    connection.close();
  }
}
