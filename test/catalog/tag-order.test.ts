import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compareNaturally, sortedWindow } from "../../src/catalog/tag-order.ts";

describe("the natural order of tags", () => {
  test("digits are compared as numbers, and other characters by their codes", () => {
    const sorted = ["1", "2", "2.9", "2.9.1", "2.10", "2.10-rc", "10", "a1", "a1b", "a12", "b"];
    for (const [at, smaller] of sorted.entries())
      for (const larger of sorted.slice(at + 1)) {
        assert.ok(compareNaturally(smaller, larger) < 0, `${smaller} < ${larger}`);
        assert.ok(compareNaturally(larger, smaller) > 0, `${larger} > ${smaller}`);
      }
    assert.equal(compareNaturally("1", "01"), 0, "the same number");
    assert.ok(compareNaturally("01", "2") < 0);
  });

  test("numbers of any length are compared", () => {
    const [large, larger] = [`v${"9".repeat(60)}`, `v1${"0".repeat(60)}`];
    assert.ok(compareNaturally(large, larger) < 0);
    assert.ok(compareNaturally(larger, large) > 0);
    assert.equal(compareNaturally(large, large), 0);
  });
});

describe("a page of a list in any order", () => {
  test("it is the page of the sorted list, whatever the order of the entries was", () => {
    const shapes: readonly ((at: number) => number)[] = [
      (at) => at,
      (at) => -at,
      (at) => (at * 7_919) % 1_000,
      () => 1,
      (at) => at % 2,
    ];
    for (const value of shapes) {
      const compare = (a: number, b: number): number => value(a) - value(b) || a - b;
      const all = Uint32Array.from({ length: 1_000 }, (_, at) => at);
      const sorted = all.toSorted(compare);
      for (const [skip, limit] of [
        [0, 10],
        [0, 1_000],
        [495, 10],
        [990, 100],
        [1_000, 10],
      ] as const)
        assert.deepEqual(
          sortedWindow(all.slice(), compare, { skip, limit }),
          sorted.slice(skip, skip + limit),
        );
    }
  });
});
