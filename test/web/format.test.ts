import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  browserName,
  roughCount,
  shortDigest,
  since,
  size,
  until,
  visibleText,
  windowsRelease,
} from "../../web/format.ts";

describe("text of the pages", () => {
  test("shows sizes in decimal units, as docker does", () => {
    for (const [bytes, text] of [
      [0, "0 B"],
      [999, "999 B"],
      [1000, "1.0 kB"],
      [61_234_567, "61.2 MB"],
      [999_960_000, "1.0 GB"],
      [4_100_000_000, "4.1 GB"],
    ] as const)
      assert.equal(size(bytes), text);
  });

  test("shows times relative to now", () => {
    const now = Date.parse("2026-11-30T12:00:00Z");
    for (const [time, text] of [
      ["2026-11-30T11:59:58Z", "now"],
      ["2026-11-30T11:59:20Z", "40 s ago"],
      ["2026-11-30T11:22:00Z", "38 min ago"],
      ["2026-11-30T10:00:00Z", "2 h ago"],
      ["2026-11-24T12:00:00Z", "6 d ago"],
      ["2025-03-04T12:00:00Z", "4 Mar 2025"],
    ] as const)
      assert.equal(since(time, now), text);
    assert.equal(until("2026-11-30T12:30:00Z", now), "in 30 min");
  });

  test("shortens large numbers and digests", () => {
    assert.equal(roughCount(9204), "9,204");
    assert.equal(roughCount(48_210), "48.2k");
    assert.equal(shortDigest(`sha256:4f0a${"0".repeat(56)}c91e`), "sha256:4f0a…c91e");
  });

  test("names releases of Windows Server, and an unknown build by its number", () => {
    assert.equal(windowsRelease("10.0.20348.2849"), "2022");
    assert.equal(windowsRelease("10.0.26100"), "2025");
    assert.equal(windowsRelease("10.0.30000.1"), "30000");
  });

  test("writes out characters that hide or reorder text", () => {
    assert.equal(visibleText("a\u202eb\u200bc"), "a⟨U+202E⟩b⟨U+200B⟩c");
    assert.equal(visibleText("two\nlines"), "two\nlines");
  });

  test("names browser and system of a User-Agent", () => {
    const chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
    for (const [agent, text] of [
      ["Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Windows"],
      [`Mozilla/5.0 (X11; Linux x86_64) ${chrome}`, "Chrome, Linux"],
      [`Mozilla/5.0 (Linux; Android 15) ${chrome}`, "Chrome, Android"],
      [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome} Edg/140.0`, "Edge, Windows"],
      [
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605.1 Version/18.0 Safari/605.1",
        "Safari, macOS",
      ],
      ["docker/27.1", undefined],
      ["", undefined],
    ] as const)
      assert.equal(browserName(agent), text);
  });
});
