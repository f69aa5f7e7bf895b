import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parsePageSize } from "../../src/oci/page.ts";
import { accepts, errorOf, isWhole, textOver } from "./oracle.ts";

describe("a page size", () => {
  test("is accepted exactly when it is empty or digits, and never exceeds the limit", () => {
    const candidates = fc.oneof(textOver("0123456789", 25), textOver("019-+.e xn", 6), fc.string());
    fc.assert(
      fc.property(candidates, (text) => {
        const read = (): number | undefined => parsePageSize(text, 1000);
        const isRead = isWhole(text) || text === "";
        assert.equal(accepts("PAGINATION_NUMBER_INVALID", read), isRead, text);
        if (isWhole(text)) assert.equal(read(), BigInt(text) < 1000n ? Number(text) : 1000);
      }),
      { numRuns: 500 },
    );
  });

  test("may be absent, empty or zero, and is reduced to the limit without an error", () => {
    assert.equal(parsePageSize("", 1000), undefined);
    assert.equal(parsePageSize(undefined, 1000), undefined);
    assert.equal(parsePageSize("0", 1000), 0);
    assert.equal(parsePageSize("1000", 1000), 1000);
    assert.equal(parsePageSize("10000", 1000), 1000);
    assert.equal(parsePageSize("9".repeat(400), 1000), 1000);
  });

  test("that is negative or not a number is rejected with 400 PAGINATION_NUMBER_INVALID", () => {
    for (const text of ["-1", " ", "1.5", "1e3", "0x10", "all", "٣", "1\n"]) {
      assert.equal(errorOf("PAGINATION_NUMBER_INVALID", () => parsePageSize(text, 9)).status, 400);
    }
  });
});
