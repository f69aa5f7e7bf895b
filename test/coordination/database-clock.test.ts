import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { DatabaseClock } from "../../src/coordination/database-clock.ts";

const isNear = (found: number, expected: number, withinMs: number): void =>
  assert.ok(Math.abs(found - expected) <= withinMs, `${found} is not near ${expected}`);

describe("the clock of a replica", () => {
  test("is the clock of the database, two minutes apart from the machine's", async () => {
    const clock = new DatabaseClock();
    await clock.measure(async () => Date.now() + 120_000);
    isNear(clock.now(), Date.now() + 120_000, 20);
  });

  test("takes the answer's time to be in the middle of the round trip", async () => {
    const clock = new DatabaseClock();
    await clock.measure(async () => {
      await pause(100);
      const nowMs = Date.now() - 60_000;
      await pause(100);
      return nowMs;
    });
    isNear(clock.now(), Date.now() - 60_000, 40);
  });

  test("stays the same when a slow answer is less exact than what is known", async () => {
    const clock = new DatabaseClock();
    await clock.measure(async () => Date.now() + 60_000);
    const before = clock.now() - Date.now();
    await clock.measure(async () => {
      await pause(100);
      return Date.now() + 60_000;
    });
    isNear(clock.now() - Date.now(), before, 1);
  });

  test("is a problem for the operator beyond 30 s, with its size and its direction", async () => {
    const clock = new DatabaseClock();
    assert.equal(clock.problem(), undefined);
    await clock.measure(async () => Date.now() + 29_000);
    assert.equal(clock.problem(), undefined);
    await clock.measure(async () => Date.now() + 120_000);
    assert.match(clock.problem() ?? "", /120 s behind the clock of the database/);
    await clock.measure(async () => Date.now() - 60_000);
    assert.match(clock.problem() ?? "", /60 s ahead of the clock of the database/);
  });
});
