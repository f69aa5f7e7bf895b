import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import type { Database } from "../../../src/database/contract.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { parts } from "./parts.ts";
import { openDatabaseOf } from "../../support/database.ts";
import { isPostgresTested } from "../../support/postgres.ts";
import { app, change, parseReference, type Step } from "./support.ts";

/*
 * Every read and every command of the contract, once at least, on each kind of database. The results are written down,
 * so that all kinds return the same values of the same types.
 */

/** Parts of a database that are no reads or commands, parts with tests of their own, and the same commands again. */
const others = [
  ...["writer", "unflushedCommands", "probe", "close", "pool"],
  ...["pullCounters", "coordination"],
];

/** The functions of an object and of the objects in it, as `noun.name`. */
function functionsOf(object: object, prefix = ""): readonly string[] {
  return Object.entries(object).flatMap(([name, value]: [string, unknown]) =>
    typeof value === "function"
      ? [prefix + name]
      : functionsOf(value as object, `${prefix}${name}.`),
  );
}

/** The same object; each function that is called adds its name to `called`. */
function watch<T extends object>(object: T, called: Set<string>, prefix = ""): T {
  return new Proxy(object, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value === "function") called.add(prefix + String(key));
      return typeof value === "object" && value !== null
        ? watch(value, called, `${prefix}${String(key)}.`)
        : value;
    },
  });
}

async function run(database: Database, steps: readonly Step[]): Promise<void> {
  for (const [call, expected] of steps)
    assert.deepEqual(await call(database), expected, String(call));
}

describe("the contract of the database", () => {
  const called = new Set<string>();
  for (const [name, steps] of parts)
    test(`is kept by the reads and commands of ${name}`, async () => {
      const database = await openDatabaseOf(temporaryFolder());
      try {
        await run(watch(database, called), steps);
      } finally {
        await database.close();
      }
    });

  test("keeps the version while nothing is written, and facts that were just read", async () => {
    const database = await openDatabaseOf(temporaryFolder());
    try {
      const watched = watch(database, called);
      const { commands, facts } = watched;
      const reference = parseReference("1");
      await commands.createRepository({ ...change, repository: app, visibility: "public" });
      const [before, repository] = [await watched.version(), await facts.repositories.get(app)];
      // PostgreSQL's version is that of the server, on which other tests write.
      if (!isPostgresTested) assert.equal(await watched.version(), before);
      const both = { repository, manifest: undefined };
      assert.deepEqual(await facts.ofManifest(app, reference), both);
      const none = digestOf(Buffer.from("none"));
      assert.deepEqual(await facts.ofBlob(app, none), { repository, blob: undefined });
      assert.equal(await facts.blobs.get(app, none), undefined);
    } finally {
      await database.close();
    }
  });

  test("has no read and no command that these tests do not call", async (t) => {
    const database = await openDatabaseOf(temporaryFolder());
    t.after(() => database.close());
    const all = functionsOf(database).filter((name) => !others.includes(name.split(".")[0] ?? ""));
    assert.ok(all.length > 150, `${all.length} functions`);
    assert.deepEqual(
      all.filter((name) => !called.has(name)),
      [],
    );
  });
});
