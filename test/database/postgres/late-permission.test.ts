import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { clientActor } from "../../../src/database/permissions/authority.ts";
import { NotAuthorizedError } from "../../../src/database/permissions/check.ts";
import type { PooledConnection, PostgresPool } from "../../../src/database/postgres/connection.ts";
import {
  openPostgresDatabase,
  type PostgresDatabase,
} from "../../../src/database/postgres/open.ts";
import { shortcuts } from "../../../src/database/postgres/shortcuts.ts";
import { createTestSchema, isPostgresTested } from "../../support/postgres.ts";
import { app, blob, change, manifest, tag, times } from "../contract/support.ts";

/* A permission that ends between the first check of a command and its first lock. */

async function withDatabase(work: (database: PostgresDatabase) => Promise<void>): Promise<void> {
  const schema = await createTestSchema();
  const options = { url: schema.url, pool: 5, prepare: true, listsMaxAgeMs: 0, isNewAllowed: true };
  const database = await openPostgresDatabase(options);
  try {
    assert.ok(database);
    await database.pool.read(
      `INSERT INTO accounts (id, name, kind, created_at) VALUES (100, 'team', 'user', 0)`,
    );
    await database.commands.createRepository({
      ...change,
      repository: app,
      visibility: "private",
    });
    await work(database);
  } finally {
    await database?.close();
    await schema.drop();
  }
}

/** The user `team` with a grant to push to and delete from `team/app`. */
const pusher = (removals?: number) =>
  clientActor({
    principal: { kind: "user", accountId: 100, name: "team", isAdmin: false, by: "password" },
    permission: { of: "registry", actions: ["push", "delete"] },
    ...{ peer: "::1", target: { repository: app }, removals },
  });

const lateTests = (): void => {
  test("a shortcut leaves a repository that was made again after the grant to the command", () =>
    withDatabase(async ({ commands, pool }) => {
      await commands.deleteRepository({ ...change, repository: app });
      await commands.createRepository({ ...change, repository: app, visibility: "private" });
      const [row] = await pool.read<{ readonly sequence: number }>(
        "SELECT sequence FROM repository_removals WHERE name = $1",
        [app],
      );
      const last = row?.sequence ?? 0;
      const connection = await pool.connect();
      try {
        const store = (removals: number) =>
          shortcuts.storeBlob?.(connection, { ...blob("config"), actor: pusher(removals) });
        assert.equal(await store(last - 1), undefined);
        assert.deepEqual(await store(last), { result: "stored" });
        const put = (removals: number) =>
          shortcuts.putManifest?.(connection, { ...manifest("one", []), actor: pusher(removals) });
        assert.equal(await put(last - 1), undefined);
        assert.deepEqual(await put(last), { result: { outcome: "stored" } });
      } finally {
        connection.release();
      }
    }));

  test("a command that waits for a lock while the account is disabled changes nothing", () =>
    withDatabase(async ({ commands, tags, pool }) => {
      await commands.putManifest(manifest("one", [], { tags: ["1"] }));
      const deletion = { ...times, actor: pusher(), repository: app, tag: tag("1") };
      const holder = await pool.connect();
      try {
        await holder.query("BEGIN; SELECT 1 FROM repositories FOR UPDATE");
        const deleted = commands.deleteTag(deletion);
        const refused = assert.rejects(deleted, NotAuthorizedError);
        await waitedFor(holder, pool);
        await holder.query("UPDATE accounts SET disabled = 1; COMMIT");
        await refused;
      } finally {
        holder.release(true);
      }
      assert.deepEqual((await tags.list(app, { limit: 2 }))?.items, ["1"]);
    }));
};

/** Waits until another connection waits for a lock of this one. */
async function waitedFor(holder: PooledConnection, pool: PostgresPool): Promise<void> {
  const { rows } = await holder.query<{ readonly pid: number }>("SELECT pg_backend_pid() AS pid");
  const waiting = () =>
    pool.read("SELECT 1 FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))", [
      rows[0]?.pid,
    ]);
  while ((await waiting()).length === 0) await sleep(10);
}

if (isPostgresTested) describe("a permission that ends during a command on PostgreSQL", lateTests);
