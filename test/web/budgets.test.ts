import assert from "node:assert/strict";
import { readFileSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";

const built = path.join(import.meta.dirname, "../../dist/web");
const files = JSON.parse(readFileSync(path.join(built, "files.json"), "utf8")) as {
  readonly script: string;
  readonly style: string;
  readonly preload: readonly string[];
  readonly pages: Readonly<Record<string, readonly string[]>>;
};
const compressed = (name: string): number => statSync(path.join(built, `${name}.gz`)).size;
const sum = (names: readonly string[]): number =>
  names.reduce((bytes, name) => bytes + compressed(name), 0);

const scriptAtMost = 30_000;
const styleAtMost = 8000;

describe("the first load of a page, compressed with gzip", () => {
  for (const [page, scripts] of Object.entries(files.pages))
    test(`has at most 30 kB of script on ${page}`, () => {
      const bytes = sum([files.script, ...files.preload, ...scripts]);
      assert.ok(bytes <= scriptAtMost, `${page}: ${bytes} bytes`);
    });

  test("has at most 8 kB of CSS", () => {
    const bytes = compressed(files.style);
    assert.ok(bytes <= styleAtMost, `${bytes} bytes`);
  });

  test("includes no script of more than 30 kB, also of what is loaded later", () => {
    for (const name of readdirSync(built).filter((one) => one.endsWith(".js")))
      assert.ok(compressed(name) <= scriptAtMost, `${name}: ${compressed(name)} bytes`);
  });
});
