import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
} from "../../src/config/quantities.ts";

describe("the parser of durations", () => {
  const good: [unknown, number][] = [
    ["500ms", 500],
    ["30s", 30_000],
    ["5m", 300_000],
    ["24h", 86_400_000],
    ["7d", 604_800_000],
    ["1.5h", 5_400_000],
    [" 30 s ", 30_000],
    ["0", 0],
    [0, 0],
  ];
  for (const [written, expected] of good) {
    test(`reads ${JSON.stringify(written)} as ${expected} ms`, () =>
      assert.equal(parseDuration(written), expected));
  }
  for (const written of [
    "",
    "30",
    30,
    "-5s",
    "5 weeks",
    "1h30m",
    "s",
    "1e3s",
    null,
    true,
    "99999999999999d",
  ]) {
    test(`rejects the duration ${JSON.stringify(written)}`, () =>
      assert.equal(parseDuration(written), undefined));
  }
  test("reads a formatted duration as the same number of milliseconds", () => {
    fc.assert(fc.property(fc.nat(), (ms) => parseDuration(formatDuration(ms)) === ms));
  });
  test("has a formatter that uses the largest unit with a whole number", () => {
    assert.deepEqual([30_000, 90_000, 5_400_000, 604_800_000, 1].map(formatDuration), [
      "30s",
      "90s",
      "90m",
      "7d",
      "1ms",
    ]);
  });
});

describe("the parser of sizes", () => {
  const good: [unknown, number][] = [
    [4096, 4096],
    ["4096", 4096],
    ["4096B", 4096],
    ["1KiB", 1024],
    ["64MiB", 67_108_864],
    ["2GiB", 2_147_483_648],
    ["1TiB", 1_099_511_627_776],
    ["1KB", 1000],
    ["1MB", 1_000_000],
    ["50GB", 50_000_000_000],
    ["1TB", 1_000_000_000_000],
    ["1.5GiB", 1_610_612_736],
    ["64mib", 67_108_864],
  ];
  for (const [written, expected] of good) {
    test(`reads ${JSON.stringify(written)} as ${expected} bytes`, () =>
      assert.equal(parseSize(written), expected));
  }
  for (const written of [
    "",
    -1,
    1.5,
    "1.5",
    "64M",
    "MiB",
    "-1KiB",
    "0x10",
    null,
    false,
    "99999999TiB",
  ]) {
    test(`rejects the size ${JSON.stringify(written)}`, () =>
      assert.equal(parseSize(written), undefined));
  }
  test("reads a formatted size as the same number of bytes", () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseSize(formatSize(bytes)) === bytes));
  });
  test("has a formatter that uses the shortest exact form", () => {
    assert.deepEqual([67_108_864, 50_000_000_000, 4096, 4097, 0].map(formatSize), [
      "64MiB",
      "50GB",
      "4KiB",
      "4097B",
      "0",
    ]);
  });
});
