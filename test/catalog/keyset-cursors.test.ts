import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  countList,
  createKeysetCursors,
  createPageReader,
  type PagedList,
} from "../../src/catalog/keyset-cursors.ts";

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

/** A list of the numbers from 1 to `total` that counts its reads. */
function listOf(total: number, isSearch: boolean) {
  const reads: string[] = [];
  const list: PagedList<number> = {
    ...{ key: "numbers", isSearch },
    async count() {
      reads.push("count");
      return total;
    },
    async read({ after = 0, skip, limit }) {
      reads.push(`after ${after} skip ${skip} limit ${limit}`);
      const all = Array.from({ length: total }, (_, at) => at + 1);
      return all.slice(after + skip, after + skip + limit);
    },
  };
  return { list, reads };
}

const openReader = () =>
  createPageReader<number>(
    () => 0,
    (a, b) => a === b,
  );

describe("a page of a numbered list", () => {
  test("is read after the last entry of the page before", async () => {
    const { list, reads } = listOf(5, false);
    const readPage = openReader();
    const counted = await countList(list);
    assert.equal(counted.total, 5);
    assert.deepEqual(await readPage(counted, { page: 1, size: 2 }), [1, 2]);
    assert.deepEqual(await readPage(counted, { page: 2, size: 2 }), [3, 4]);
    assert.deepEqual(reads, ["count", "after 0 skip 0 limit 2", "after 2 skip 0 limit 2"]);
  });

  test("comes from the matches of a search with at most 1,000, which are read once", async () => {
    const { list, reads } = listOf(1_000, true);
    const counted = await countList(list);
    assert.equal(counted.total, 1_000);
    assert.deepEqual(await openReader()(counted, { page: 500, size: 2 }), [999, 1_000]);
    assert.deepEqual(reads, ["after 0 skip 0 limit 1001"]);
  });

  test("is read again if the search has more than 1,000 matches", async () => {
    const { list, reads } = listOf(1_001, true);
    const counted = await countList(list);
    assert.equal(counted.total, 1_001);
    assert.deepEqual(await openReader()(counted, { page: 1, size: 1 }), [1]);
    assert.deepEqual(reads, ["after 0 skip 0 limit 1001", "count", "after 0 skip 0 limit 1"]);
  });
});
