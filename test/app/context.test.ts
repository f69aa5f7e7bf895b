import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openCommandContext } from "../../src/app/command-context.ts";
import { AppContext } from "../../src/app/context.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { configOf } from "../support/settings.ts";
import { emptyDatabaseSettings } from "../support/database.ts";
import { temporaryFolder } from "../support/temporary.ts";

const logger = createLogger({ level: "silent", format: "json" });

describe("the application context", () => {
  test("makes a part once, also for concurrent callers", async () => {
    const context = new AppContext(await configOf(temporaryFolder()), { kind: "server", logger });
    try {
      const [first, second] = await Promise.all([context.database(), context.database()]);
      assert.equal(first, second);
      assert.equal(await context.registry(), await context.registry());
    } finally {
      await context.close();
    }
  });

  test("closes the parts in reverse order of their making, and those that were not made not at all", async () => {
    const context = new AppContext(await configOf(temporaryFolder()), { kind: "server", logger });
    const closed: string[] = [];
    context.onClose(() => void closed.push("before the database"));
    const database = await context.database();
    context.onClose(async () => {
      await database.probe();
      closed.push("while the database is open");
    });
    await context.close();
    assert.deepEqual(closed, ["while the database is open", "before the database"]);
    await assert.rejects(database.probe());
  });

  test("has no mirrors if the configuration has none", async () => {
    const context = new AppContext(await configOf(temporaryFolder()), { kind: "server", logger });
    assert.equal((await context.mirrors()).current, undefined);
    await context.close();
  });
});

describe("an upload session on SQLite", () => {
  const repository = parseRepositoryName("team/app");
  const sqliteConfig = async (): Promise<Config> => {
    const loaded = await loadConfig({ flags: { data: temporaryFolder() }, env: {} });
    assert.ok(loaded.ok);
    return loaded.config;
  };

  test("has no row at its start in the only process, so that a small blob costs one transaction", async () => {
    const context = new AppContext(await sqliteConfig(), { kind: "server", logger });
    try {
      const { uploads } = await context.registry();
      const id = await uploads.start(context.actor, repository);
      const database = await context.database();
      assert.equal(await database.uploads.find(id), undefined);
      await uploads.cancel({ actor: context.actor, repository, id });
    } finally {
      await context.close();
    }
  });

  test("has a row at its start in a worker process, for the next request may reach another one", async () => {
    const config = await sqliteConfig();
    const primary = new AppContext(config, { kind: "server", logger });
    const { writer } = await primary.database();
    const sharedServices = { writer, locks: primary.locks };
    const worker = new AppContext(config, { kind: "worker", logger, sharedServices });
    try {
      const { uploads } = await worker.registry();
      const id = await uploads.start(worker.actor, repository);
      const row = await (await primary.database()).uploads.find(id);
      assert.equal(row?.repository, repository);
    } finally {
      await worker.close();
      await primary.close();
    }
  });
});

describe("the context of a command", () => {
  test("rejects a data folder without a registry, unless the command may create one", async () => {
    const config = await configOf(temporaryFolder(), await emptyDatabaseSettings());
    const error = { name: "NoRegistryError", message: /there is no registry in .*: start/ };
    await assert.rejects(openCommandContext(config, { store: false }), error);
    const context = await openCommandContext(config, { store: false, isNewAllowed: true });
    try {
      const { users } = await context.accounts();
      const { items } = await users.list({ limit: 10 });
      assert.deepEqual(
        items.map(({ name, isAdmin }) => [name, isAdmin]),
        [["admin", true]],
      );
    } finally {
      await context.close();
    }
    await (await openCommandContext(config, { store: true })).close();
  });
});
