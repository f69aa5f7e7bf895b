import assert from "node:assert/strict";
import process from "node:process";
import { after, describe, test } from "node:test";
import { dialectOf } from "../../../src/database/dialect.ts";
import { openPool } from "../../../src/database/postgres/connection.ts";
import { shortcuts } from "../../../src/database/postgres/shortcuts.ts";
import { isPostgresTested, serverUrl } from "../../support/postgres.ts";
import { accountRaces } from "./accounts.ts";
import { collectionRaces } from "./collections.ts";
import { deletionRaces } from "./deletions.ts";
import { mirrorRaces } from "./mirrors.ts";
import { openForRaces } from "./opened.ts";
import { organisationRaces } from "./organisations.ts";
import { pushRaces } from "./pushes.ts";
import { quotaRaces } from "./quotas.ts";
import { retentionRaces } from "./retention.ts";
import { runRace, type OpenedForRaces, type Race } from "./race.ts";

/*
 * Pairs of commands that start 0 to 6 ms apart. In PostgreSQL they run at the same time, on two connections; SQLite
 * runs one after the other. `npm run races` runs 200 trials of each pair, and shows that the locks are needed.
 */

const given = process.env["BERTH_TEST_RACES"];
const trials = Number(given ?? 3);
const races: readonly Race[] = [
  ...[...pushRaces, ...deletionRaces, ...collectionRaces, ...quotaRaces],
  ...[...organisationRaces, ...accountRaces, ...mirrorRaces, ...retentionRaces],
];

function testAll(opened: () => Promise<OpenedForRaces>): void {
  for (const race of races)
    test(race.name, async () => {
      const { wrong, errors } = await runRace(race, await opened(), trials);
      assert.deepEqual({ wrong, errors }, { wrong: [], errors: [] });
    });
  test("never wait for each other", async () =>
    assert.equal(await (await opened()).deadlocks(), 0));
}

describe("two commands at the same moment", () => {
  const opened = openForRaces();
  after(async () => (await opened).close());
  testAll(() => opened);
});

function testWithoutShortcuts(): void {
  const opened = openForRaces();
  const before = { ...shortcuts };
  after(async () => {
    Object.assign(shortcuts, before);
    await (await opened).close();
  });
  testAll(async () => {
    for (const name of Object.keys(shortcuts)) Reflect.deleteProperty(shortcuts, name);
    return await opened;
  });
}

/** The same races, with at most 50 trials: the diagnostics tell how many are wrong. */
async function runWithoutLocks(report: (line: string) => void): Promise<number> {
  const opened = await openForRaces();
  const pool = openPool({ url: serverUrl, pool: 1, prepare: true });
  const connection = await pool.connect();
  const dialect = dialectOf(connection.queries);
  const withLocks = { ...dialect };
  Object.assign(dialect, {
    locked: (query: unknown) => query,
    lockName: async () => undefined,
  });
  let broken = 0;
  const count = Math.min(50, trials);
  for (const race of races) {
    const { wrong, errors } = await runRace(race, opened, count);
    report(`${wrong.length} of ${count} wrong, ${errors.length} errors: ${race.name}`);
    if (wrong.length > 0) broken += 1;
  }
  Object.assign(dialect, withLocks);
  connection.release();
  await pool.close();
  await opened.close();
  return broken;
}

if (isPostgresTested)
  describe("two commands without the functions of the database", () => {
    testWithoutShortcuts();

    if (given !== undefined)
      test("are wrong in most races without the locks", async (context) => {
        const broken = await runWithoutLocks((line) => context.diagnostic(line));
        assert.ok(broken > races.length / 2, `${broken} of ${races.length} races are wrong`);
      });
  });
