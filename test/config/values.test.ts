import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { duration, integer, size } from "../../src/config/values.ts";

describe("a number with bounds", () => {
  for (const [kind, schema] of [
    ["whole number", integer({ min: 2, max: 5 })],
    ["size", size({ min: 2, max: 5 })],
    ["duration", duration({ min: 2, max: 5 })],
  ] as const) {
    test(`as a ${kind} accepts its minimum and its maximum, and rejects values outside`, () => {
      const written = (quantity: number): string =>
        kind === "duration" ? `${quantity}ms` : String(quantity);
      const accepted = [1, 2, 3, 5, 6].filter(
        (quantity) => schema.safeParse(written(quantity)).success,
      );
      assert.deepEqual(accepted, [2, 3, 5]);
    });
  }

  test("without a maximum accepts integers up to Number.MAX_SAFE_INTEGER", () => {
    const schema = integer({ min: 0 });
    assert.equal(schema.safeParse(Number.MAX_SAFE_INTEGER).success, true);
    assert.equal(schema.safeParse(Number.MAX_SAFE_INTEGER + 1).success, false);
    assert.equal(schema.safeParse(1.5).success, false);
  });
});
