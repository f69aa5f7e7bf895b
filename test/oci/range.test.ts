import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseChunkRange, parseRange } from "../../src/oci/range.ts";
import type { ByteRange, RangeRequest } from "../../src/oci/range.ts";
import { accepts, errorOf, isWhole, nearly, textOver } from "./oracle.ts";

/** RFC 9110, section 14.2, with Berth's choices. It tests every byte, so the size must be small. */
function judge(header: string, size: number): RangeRequest {
  const text = header.trim();
  const full: RangeRequest = { kind: "full" };
  if (text.slice(0, 6).toLowerCase() !== "bytes=") return full;
  const specs = text.slice(6).split(",");
  if (specs.length > 100) return full;

  const ranges: ByteRange[] = [];
  let count = 0;
  for (const spec of specs.map((part) => part.trim())) {
    if (spec === "") continue;
    count += 1;
    const dash = spec.indexOf("-");
    const first = spec.slice(0, dash);
    const last = spec.slice(dash + 1);
    if (dash === -1 || (first !== "" && !isWhole(first)) || (last !== "" && !isWhole(last))) {
      return full;
    }
    if (first === "" && (last === "" || (size === 0 && Number(last) > 0))) return full;
    const bytes = Array.from({ length: size }, (_, i) => i).filter((i) => {
      if (first === "") return i >= size - Number(last);
      return i >= Number(first) && (last === "" || i <= Number(last));
    });
    const [start] = bytes;
    const end = bytes.at(-1);
    if (start !== undefined && end !== undefined) ranges.push({ start, end });
  }
  const [only] = ranges;
  if (count === 0) return full;
  if (only === undefined) return { kind: "unsatisfiable" };
  if (ranges.length === 1) return { kind: "single", ...only };
  const seen = new Set<number>();
  for (const { start, end } of ranges) {
    for (let i = start; i <= end; i += 1) {
      if (seen.has(i)) return full;
      seen.add(i);
    }
  }
  return { kind: "multi", ranges };
}

const position = fc.nat({ max: 24 });
const spec = fc.oneof(
  fc.tuple(position, position).map(([first, last]) => `${first}-${last}`),
  position.map((first) => `${first}-`),
  position.map((length) => `-${length}`),
);
const list = fc
  .tuple(fc.constantFrom("bytes=", "Bytes="), fc.array(spec, { minLength: 1, maxLength: 4 }))
  .map(([unit, specs]) => unit + specs.join(", "));

describe("a Range header", () => {
  test("is parsed to exactly the bytes that RFC 9110 defines", () => {
    fc.assert(
      fc.property(
        fc.oneof(list, nearly(list, "0-,= x"), textOver("bytes=0-,", 12), fc.string()),
        fc.nat({ max: 20 }),
        (header, size) => {
          assert.deepEqual(parseRange(header, size), judge(header, size), header);
        },
      ),
      { numRuns: 1500 },
    );
  });

  const cases: readonly [string | undefined, RangeRequest][] = [
    [undefined, { kind: "full" }],
    ["", { kind: "full" }],
    ["bytes=500-1499", { kind: "single", start: 500, end: 1499 }],
    ["bytes=500-", { kind: "single", start: 500, end: 2047 }],
    ["bytes=-500", { kind: "single", start: 1548, end: 2047 }],
    ["bytes=-5000", { kind: "single", start: 0, end: 2047 }],
    ["bytes=2000-5000", { kind: "single", start: 2000, end: 2047 }],
    ["bytes=2047-2047", { kind: "single", start: 2047, end: 2047 }],
    ["bytes=5000-10000", { kind: "unsatisfiable" }],
    ["bytes=2048-", { kind: "unsatisfiable" }],
    ["bytes=500-0", { kind: "unsatisfiable" }],
    ["bytes=-0", { kind: "unsatisfiable" }],
    ["bytes=5000-,6000-", { kind: "unsatisfiable" }],
    ["bytes=0-9,5000-", { kind: "single", start: 0, end: 9 }],
    ["items=0-9", { kind: "full" }],
    ["bytes=a-b", { kind: "full" }],
    ["bytes=-", { kind: "full" }],
    ["bytes=", { kind: "full" }],
    ["bytes=0-9,x", { kind: "full" }],
    ["bytes 0-9", { kind: "full" }],
    ["bytes=0-9,5-14", { kind: "full" }],
    ["bytes=0-,0-,0-", { kind: "full" }],
    [`bytes=${"9".repeat(400)}-`, { kind: "unsatisfiable" }],
    [`bytes=0-${"9".repeat(400)}`, { kind: "single", start: 0, end: 2047 }],
    [`bytes=-${"9".repeat(400)}`, { kind: "single", start: 0, end: 2047 }],
  ];
  for (const [header, expected] of cases) {
    test(`${String(header).slice(0, 30)} of 2048 bytes is ${expected.kind}`, () => {
      assert.deepEqual(parseRange(header, 2048), expected);
    });
  }

  test("with several ranges keeps the order of the request", () => {
    assert.deepEqual(parseRange("bytes=-10, 0-9 ,, 100-", 50), {
      kind: "multi",
      ranges: [
        { start: 40, end: 49 },
        { start: 0, end: 9 },
      ],
    });
  });

  test("with more than 100 ranges is ignored, so that the full content is sent", () => {
    const ask = (count: number): string =>
      `bytes=${Array.from({ length: count }, (_, i) => `${i * 2}-${i * 2}`).join(",")}`;
    assert.equal(parseRange(ask(100), 1000).kind, "multi");
    assert.equal(parseRange(ask(101), 1000).kind, "full");
  });

  test("on empty content is unsatisfiable, except for a suffix range, which gets the full content", () => {
    assert.deepEqual(parseRange("bytes=0-", 0), { kind: "unsatisfiable" });
    assert.deepEqual(parseRange("bytes=-5", 0), { kind: "full" });
  });
});

/** Parses `start-end` of the specification or `bytes start-end/total` of Docker's documentation without a regex. */
function judgeChunk(text: string): ByteRange | undefined {
  const header = text.trim();
  const hasUnit = header.slice(0, 6).toLowerCase() === "bytes ";
  const [range = "", total, ...more] = (hasUnit ? header.slice(6) : header).split("/");
  const [first = "", last = "", ...rest] = range.split("-");
  if (more.length > 0 || rest.length > 0 || !isWhole(first) || !isWhole(last)) return undefined;
  if (total !== undefined && !(hasUnit && (total === "*" || isWhole(total)))) return undefined;
  const isOrdered = BigInt(first) <= BigInt(last) && BigInt(last) <= 2n ** 53n - 1n;
  if (!isOrdered) return undefined;
  if (total !== undefined && total !== "*" && BigInt(total) <= BigInt(last)) return undefined;
  return { start: Number(first), end: Number(last) };
}

describe("the Content-Range of a chunk", () => {
  const number = fc.oneof(position, fc.maxSafeNat()).map(String);
  const plain = fc.tuple(number, number).map((parts) => parts.join("-"));
  const courtesy = fc
    .tuple(plain, fc.constantFrom("", "/*", "/100", "/9007199254740993"))
    .map(([range, total]) => `bytes ${range}${total}`);

  test("is accepted exactly when it is start-end in one of the two known forms", () => {
    const candidates = fc.oneof(
      plain,
      courtesy,
      nearly(plain, "0-/ *x"),
      nearly(courtesy, "0-/ *x"),
      textOver("0129-", 6),
      fc.string(),
    );
    fc.assert(
      fc.property(candidates, (text) => {
        const expected = judgeChunk(text);
        const isRead = accepts("RANGE_INVALID", () => parseChunkRange(text));
        assert.equal(isRead, expected !== undefined, text);
        if (isRead) assert.deepEqual(parseChunkRange(text), expected);
      }),
      { numRuns: 1000 },
    );
  });

  test("may be absent", () => {
    assert.equal(parseChunkRange(undefined), undefined);
  });

  test("is the same in the form of the specification and in the form of Docker", () => {
    for (const text of ["0-99", "bytes 0-99", "bytes 0-99/*", "bytes 0-99/100", " 0-99 "]) {
      assert.deepEqual(parseChunkRange(text), { start: 0, end: 99 });
    }
    assert.deepEqual(parseChunkRange("0-0"), { start: 0, end: 0 });
  });

  test("that is empty, reversed or malformed is rejected with 416", () => {
    const malformed = ["", "0--1", "-", "5-4", "0-", "-9", "0-99/100", "bytes=0-99", "bytes */100"];
    for (const text of [...malformed, "bytes 0-99/99", "0-9007199254740993", "0 - 9", "+0-9"]) {
      assert.equal(errorOf("RANGE_INVALID", () => parseChunkRange(text)).status, 416);
    }
  });
});
