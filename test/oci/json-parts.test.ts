import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { JsonBoundError, JsonError } from "../../src/oci/json.ts";
import { readJsonParts, type JsonPart, type JsonShape } from "../../src/oci/json-parts.ts";

function read(text: string, shape: JsonShape): { part: unknown; steps: number } {
  const reading = readJsonParts(text, shape);
  for (let steps = 0; ; steps += 1) {
    const step = reading.next();
    if (step.done === true) return { part: JSON.parse(JSON.stringify(step.value ?? null)), steps };
  }
}

const text: JsonShape = { text: 5 };

describe("the parts of a JSON document", () => {
  test("are the wanted keys with texts, lists and objects of any keys", () => {
    const document = JSON.stringify({
      name: "a long name",
      count: 12,
      isOpen: false,
      nothing: null,
      list: ["a", "b", 3],
      digest: { sha256: "00", sha1: "11" },
      deep: { wanted: "yes", other: { wanted: "no" } },
      other: [{ name: "no" }, [], {}, "\\ \u00e9"],
    });
    const shape: JsonShape = {
      keys: {
        ...{ name: text, count: text, isOpen: text, nothing: text, missing: text },
        ...{ list: { items: text }, digest: { texts: 9 }, deep: { keys: { wanted: text } } },
      },
    };
    assert.deepEqual(read(document, shape).part, {
      ...{ name: "a lon", count: "12", isOpen: "false", list: ["a", "b", "3"] },
      ...{ digest: { sha256: "00", sha1: "11" }, deep: { wanted: "yes" } },
    });
  });

  test("are missing if they have another type than the wanted one", () => {
    const shape: JsonShape = { keys: { a: text, b: { keys: { c: text } }, d: { items: text } } };
    assert.deepEqual(read('{"a":["x"],"b":"c","d":{"e":"f"}}', shape).part, {});
  });

  test("are found under keys with escapes, and the last of equal keys counts", () => {
    const shape: JsonShape = { keys: { name: text } };
    assert.deepEqual(read(String.raw`{"name":"one","n\u0061me":"tw\u006f"}`, shape).part, {
      name: "two",
    });
  });

  test("are handed over one by one for a long list, of which nothing stays in memory", () => {
    const seen: JsonPart[] = [];
    const items = { items: text, take: (item: JsonPart) => seen.push(item) };
    const document = `{"list":[${Array.from({ length: 30_000 }, (_, at) => `"${at}"`).join(",")}]}`;
    const { part, steps } = read(document, { keys: { list: items } });
    assert.equal(seen.length, 30_000);
    assert.deepEqual(part, { list: [] });
    assert.ok(steps >= 10, `${steps} pauses`);
  });

  test("are read with pauses within one long string", () => {
    const { part, steps } = read(`{"a":"${"x".repeat(1_000_000)}"}`, {
      keys: { a: { text: Infinity } },
    });
    assert.equal((part as { a: string }).a.length, 1_000_000);
    assert.ok(steps >= 50, `${steps} pauses`);
  });

  const valid = `{"a":[1,-2.5e3,true,null,{"b":[[],{}]}],"c":{"d":"\\u00e9\\n"},"e":{}}`;
  for (const [what, shape] of [
    ["skipped", {}],
    [
      "read",
      { keys: { a: { items: { keys: { b: { items: {} } } } }, c: { texts: 9 }, e: { texts: 9 } } },
    ],
  ] as const)
    test(`have the grammar of JSON also where the document is ${what}`, () => {
      assert.doesNotThrow(() => read(valid, shape));
      for (let at = 0; at <= valid.length; at += 1)
        for (const broken of [
          valid.slice(0, at),
          valid.slice(0, at) + valid.slice(at + 1),
          `${valid.slice(0, at)},${valid.slice(at)}`,
          `${valid.slice(0, at)}]${valid.slice(at)}`,
          `${valid.slice(0, at)}"${valid.slice(at)}`,
        ]) {
          let isValid = true;
          try {
            JSON.parse(broken);
          } catch {
            isValid = false;
          }
          if (isValid) assert.doesNotThrow(() => read(broken, shape), broken);
          else assert.throws(() => read(broken, shape), JsonError, broken);
        }
    });

  for (const [what, document] of [
    ["too many levels", "[".repeat(1_000_000)],
    ["too many levels of objects", `{"a":`.repeat(1_000_000)],
    ["too many values", `[${"0,".repeat(1_000_001)}0]`],
  ] as const)
    test(`are not read of a document with ${what}`, () => {
      assert.throws(() => read(document, {}), JsonBoundError);
    });

  test("are not read of a recursive shape with too many levels", () => {
    const tree: JsonShape = {
      keys: {
        get tree() {
          return tree;
        },
      },
    };
    const document = (levels: number) => `${'{"tree":'.repeat(levels)}1${"}".repeat(levels)}`;
    assert.doesNotThrow(() => read(document(20), tree));
    assert.throws(() => read(document(100), tree), JsonBoundError);
  });

  test("may follow a byte order mark", () => {
    assert.deepEqual(read('\uFEFF{"a":"b"}', { keys: { a: text } }).part, { a: "b" });
  });
});
