import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  addressKey,
  createHeldBudget,
  createRateBudget,
  shareOfRate,
} from "../../src/concurrency/budgets.ts";

describe("a rate budget", () => {
  test("allows a burst and then one request per interval, for each key separately", () => {
    let nowMs = 0;
    const budget = createRateBudget(() => nowMs, { burst: 2, everyMs: 100 });
    const takes = (key: string): boolean => {
      if (budget.waitMs(key) > 0) return false;
      budget.take(key);
      return true;
    };
    assert.deepEqual([takes("a"), takes("a"), takes("a"), takes("b")], [true, true, false, true]);
    assert.equal(budget.waitMs("a"), 100);
    nowMs += 100;
    assert.deepEqual([takes("a"), takes("a")], [true, false]);
    budget.giveBack("a");
    assert.equal(takes("a"), true);
  });

  test("never allows more than its burst and its rate, for any sequence of pauses and requests", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.nat(300), { maxLength: 60 }),
        (burst, pauses) => {
          let nowMs = 0;
          let given = 0;
          const budget = createRateBudget(() => nowMs, { burst, everyMs: 100 });
          for (const pause of pauses) {
            nowMs += pause;
            if (budget.waitMs("key") > 0) continue;
            budget.take("key");
            given += 1;
            assert.ok(given <= burst + nowMs / 100);
          }
        },
      ),
    );
  });

  test("is split among processes so that their sum is about the configured rate", () => {
    assert.deepEqual(shareOfRate({ burst: 10, everyMs: 30_000 }, 4), {
      burst: 3,
      everyMs: 120_000,
    });
    assert.deepEqual(shareOfRate({ burst: 10, everyMs: 30_000 }, 1), {
      burst: 10,
      everyMs: 30_000,
    });
  });
});

describe("a held budget", () => {
  test("rejects an amount above the limit of the key, and accepts more after a release", () => {
    const budget = createHeldBudget(10);
    assert.deepEqual([budget.acquire("a", 6), budget.acquire("a", 5)], [true, false]);
    assert.equal(budget.acquire("b", 10), true);
    assert.equal(budget.acquire("a", 4), true);
    budget.release("a", 6);
    assert.equal(budget.held("a"), 4);
    budget.release("a", 4);
    assert.equal(budget.held("a"), 0);
  });
});

describe("the rate-limit key of an address", () => {
  test("is the IPv4 address, also when mapped to IPv6, and the /64 network of an IPv6 address", () => {
    assert.equal(addressKey("192.0.2.1"), "192.0.2.1");
    assert.equal(addressKey("::ffff:192.0.2.1"), "192.0.2.1");
    assert.equal(addressKey("2001:db8:1:2:3:4:5:6"), addressKey("2001:db8:1:2::"));
    assert.notEqual(addressKey("2001:db8:1:3::1"), addressKey("2001:db8:1:2::1"));
    assert.equal(addressKey("no address"), "no address");
  });
});
