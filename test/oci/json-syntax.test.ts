import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parse, refusalOf } from "./json-fixtures.ts";

describe("the strict JSON parser", () => {
  test("rejects a byte order mark", () => {
    assert.deepEqual(refusalOf("\ufeff{}"), ["byte order mark", 0]);
    assert.deepEqual(refusalOf(" \ufeff{}"), ["unexpected character", 1]);
    assert.equal(parse('"\ufeff"'), "\ufeff");
  });

  test("rejects invalid UTF-8 and UTF-16", () => {
    const sequences = [
      [0xff],
      [0xc0, 0xaf],
      [0xed, 0xa0, 0x80],
      [0xe2, 0x82],
      [0xf5, 0x80, 0x80, 0x80],
    ];
    for (const sequence of sequences) {
      const bytes = Uint8Array.from([0x22, 0x61, ...sequence, 0x22]);
      assert.deepEqual(refusalOf(bytes), ["invalid UTF-8", 2]);
    }
    assert.equal(refusalOf(Buffer.from('{"a":1}', "utf16le"))[1], 1);
    assert.equal(parse('"é漢😀"'), "é漢😀");
  });

  test("accepts white space around the value, and rejects other bytes after it", () => {
    assert.deepEqual(parse(" {} \n"), {});
    for (const text of ["{}{}", "{} x", "1 2", "[]\0", "null,"]) {
      assert.equal(refusalOf(text)[0], "trailing bytes");
    }
  });

  test("rejects an unexpected end at the offset of the end", () => {
    for (const text of ["", " ", "{", "[1", '{"a"', '{"a":']) {
      assert.deepEqual(refusalOf(text), ["unexpected end", text.length]);
    }
    assert.deepEqual(refusalOf('"abc'), ["unterminated string", 4]);
  });

  test("rejects control characters in a string unless they are escaped", () => {
    for (let code = 0; code < 0x20; code += 1) {
      const text = String.fromCharCode(code);
      assert.deepEqual(refusalOf(`"${text}"`), ["control character in a string", 1]);
      assert.equal(parse(JSON.stringify(text)), text);
    }
  });

  test("reports the byte offset of an error", () => {
    assert.deepEqual(refusalOf('{"é":1,"é":2}'), ['duplicate key "é"', 8]);
    assert.deepEqual(refusalOf('{"a":1,}'), ["unexpected character", 7]);
    assert.deepEqual(refusalOf('["a\nb"]'), ["control character in a string", 3]);
    assert.deepEqual(refusalOf('["\\x"]'), ["invalid escape in a string", 2]);
    assert.ok(refusalOf(`{"${"k".repeat(9999)}":1,"${"k".repeat(9999)}":2}`)[0].length < 100);
  });
});
