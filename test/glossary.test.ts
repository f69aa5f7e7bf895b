import assert from "node:assert/strict";
import { test } from "node:test";
import { countForbidden, grown, readAllowed } from "./glossary.ts";

const counts = await countForbidden();
const allowed = await readAllowed();

test("src, storage, docs and the README have words that the glossary replaces only in the listed places", () => {
  const added = [...counts].flatMap(([place, count]) => {
    const known = allowed.get(place) ?? 0;
    return count > known ? [`${place}: ${known} listed, ${count} found`] : [];
  });
  assert.deepEqual(
    added,
    [],
    "use the glossary's word (the forbidden words are in test/glossary.ts); after a move of a file run npm run glossary",
  );
});

test("the list of allowed places contains no place that was removed", () => {
  const gone = [...allowed].flatMap(([place, count]) => {
    const found = counts.get(place) ?? 0;
    return found < count ? [`${place}: ${count} listed, ${found} found`] : [];
  });
  assert.deepEqual(gone, [], "the list only shrinks: run npm run glossary");
});

test("a word whose total has grown is reported, and a word that has moved to another file is not", () => {
  const before = new Map([
    ["src/a.ts herd", 2],
    ["src/b.ts herd", 1],
  ]);
  assert.deepEqual(grown(before, new Map([["src/c.ts herd", 3]])), []);
  assert.deepEqual(grown(before, new Map([["src/c.ts herd", 4]])), ["herd: 3 → 4"]);
  assert.deepEqual(grown(before, new Map([["src/c.ts crew", 1]])), ["crew: 0 → 1"]);
});
