import assert from "node:assert/strict";
import path from "node:path";
import type {
  PullCounterChange,
  PullCounterStore,
} from "../../src/database/catalog/pull-counters.ts";
import type { Database } from "../../src/database/contract.ts";
import { openSqliteDatabase } from "../../src/database/sqlite/open.ts";
import { openPullCounterStore } from "../../src/database/sqlite/pull-counters.ts";
import type { RepositoryName } from "../../src/oci/name.ts";
import { isPostgresTested, openPostgresForTest } from "../support/postgres.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { app, parseReference } from "./contract/support.ts";

export interface Opened {
  readonly database: Database;
  readonly store: PullCounterStore;
  readonly close: () => Promise<void>;
}

/** Opens an empty database with its pull counters. */
export async function openForTest(): Promise<Opened> {
  if (isPostgresTested) {
    const { database, close } = await openPostgresForTest();
    const { pullCounters } = database;
    assert.ok(pullCounters);
    return { database, store: pullCounters, close };
  }
  const file = path.join(temporaryFolder(), "berth.db");
  const database = await openSqliteDatabase(file);
  const store = openPullCounterStore(`${file}-counts`, file);
  return {
    database,
    store,
    close: async () => {
      await store.close();
      await database.close();
    },
  };
}

/** Pulls and pushes of a tag or digest, once at the time `at`. */
export function counted(
  target: string,
  {
    pulls = 0,
    pushes = 0,
    at = 5,
    removal = 0,
    repository = app,
  }: Partial<{
    pulls: number;
    pushes: number;
    at: number;
    removal: number;
    repository: RepositoryName;
  }>,
): PullCounterChange {
  const lastPulledAtMs = pulls === 0 ? 0 : at;
  const lastPushedAtMs = pushes === 0 ? 0 : at;
  const times = { lastPulledAtMs, lastPushedAtMs };
  return { repository, reference: parseReference(target), pulls, pushes, ...times, removal };
}
