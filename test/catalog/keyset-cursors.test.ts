import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createKeysetCursors } from "../../src/catalog/keyset-cursors.ts";

/** Keyset cursors over names, and a clock that the test advances. */
function createMarks() {
  let nowMs = 0;
  const marks = createKeysetCursors<string>(() => nowMs);
  return {
    marks,
    wait: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe("a keyset cursor", () => {
  test("starts the next page after the last row of the previous page", () => {
    const { marks } = createMarks();
    marks.end("list", 1, 10, "tenth");
    assert.deepEqual(marks.begin("list", 2, 10), { after: "tenth", skip: 0 });
  });

  test("applies only to its list, its page size and the next page", () => {
    const { marks } = createMarks();
    marks.end("list", 1, 10, "tenth");
    assert.deepEqual(marks.begin("other", 2, 10), { skip: 10 });
    assert.deepEqual(marks.begin("list", 2, 20), { skip: 20 });
    assert.deepEqual(marks.begin("list", 3, 10), { skip: 20 });
  });

  test("expires after a minute", () => {
    const { marks, wait } = createMarks();
    marks.end("list", 1, 10, "tenth");
    wait(59_999);
    assert.deepEqual(marks.begin("list", 2, 10), { after: "tenth", skip: 0 });
    wait(1);
    assert.deepEqual(marks.begin("list", 2, 10), { skip: 10 });
  });
});
