import assert from "node:assert/strict";
import { mkdirSync, readdirSync, utimesSync } from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";
import { collectionJob } from "../../src/app/collection.ts";
import { AppContext } from "../../src/app/context.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { configOf } from "../support/settings.ts";
import { temporaryFolder } from "../support/temporary.ts";

describe("the dry run of a collection in a server", async () => {
  const data = temporaryFolder();
  const logger = createLogger({ level: "silent", format: "json" });
  const context = new AppContext(await configOf(data), { kind: "server", logger });
  after(() => context.close());
  await context.database();
  await context.store();
  const copies = () => readdirSync(data).filter((name) => name.startsWith("dry-run-"));
  const run = (signal: AbortSignal) =>
    collectionJob(context, { isDryRun: true, deletesNow: false }).run({
      ...{ signal, count: () => undefined, find: () => undefined },
    });

  test("ends with its signal before the database is copied, and leaves no copy", async () => {
    await assert.rejects(run(AbortSignal.abort()), { name: "AbortError" });
    assert.deepEqual(copies(), []);
  });

  test("deletes the copy that a killed process has left, and not that of another dry run", async () => {
    const twoDaysAgo = new Date(Date.now() - 2 * 86_400_000);
    for (const name of ["dry-run-left", "dry-run-other"]) mkdirSync(path.join(data, name));
    utimesSync(path.join(data, "dry-run-left"), twoDaysAgo, twoDaysAgo);
    await run(new AbortController().signal);
    assert.deepEqual(copies(), ["dry-run-other"]);
  });
});
