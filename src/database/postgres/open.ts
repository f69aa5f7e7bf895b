import { createCommands } from "../commands.ts";
import type { CommandMeter, Database, Writer } from "../contract.ts";
import { readMigrations } from "../migrations.ts";
import { openPool, type PostgresOptions, type PostgresPool } from "./connection.ts";
import { createCoordination } from "./coordination.ts";
import { isMigrated, migrate } from "./migrate.ts";
import { createPullCounterStore } from "./pull-counters.ts";
import { createPostgresReads, createStandbyReads } from "./reads.ts";
import { createWriter } from "./writer.ts";

export interface PostgresDatabaseOptions extends PostgresOptions {
  /** The URL of a standby for lists and searches; `undefined`: `url`. */
  readonly readUrl?: string | undefined;
  /** Age of cached lists in milliseconds; see `createPostgresReads`. */
  readonly listsMaxAgeMs: number;
  /** False: `undefined` instead of new tables in a database that has no registry. */
  readonly isNewAllowed: boolean;
  readonly meter?: CommandMeter | undefined;
}

export interface PostgresDatabase extends Database {
  readonly pool: PostgresPool;
}

/** Opens the database that `url` names, and creates or migrates its tables. Rejects with DatabaseError. */
export async function openPostgresDatabase(
  options: PostgresDatabaseOptions,
): Promise<PostgresDatabase | undefined> {
  const pool = openPool(options);
  try {
    if (!options.isNewAllowed && !(await isMigrated(pool))) {
      await pool.close();
      return undefined;
    }
    await migrate(pool);
  } catch (error) {
    await pool.close();
    throw error;
  }
  const writer = createWriter(pool, { connections: options.pool });
  const { readUrl: url, listsMaxAgeMs } = options;
  const standby = url === undefined ? undefined : openPool({ ...options, url });
  const lists = standby === undefined ? pool : createStandbyReads(standby, pool);
  const { reads, invalidate } = createPostgresReads(pool, { lists, listsMaxAgeMs });
  const run: Writer["run"] = (name, input, durability) =>
    writer.run(name, input, durability).finally(invalidate);
  const { meter } = options;
  const command: Writer["run"] = (name, input, durability) =>
    meter === undefined
      ? run(name, input, durability)
      : meter(name, () => run(name, input, durability));
  return {
    ...reads,
    commands: createCommands((name, input) => command(name, input)),
    unflushedCommands: createCommands((name, input) => command(name, input, { flush: false })),
    writer: { ...writer, run },
    pool,
    pullCounters: createPullCounterStore(pool, () => reads.version()),
    coordination: createCoordination(pool, readMigrations("postgres").at(-1)?.version ?? 0),
    probe: () => writer.probe(),
    close: async () => {
      await writer.close();
      await standby?.close();
      await pool.close();
    },
  };
}
