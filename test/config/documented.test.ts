import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { allowedFor } from "../../src/config/explain.ts";
import { entryKeysOf, keysOf } from "../../src/config/keys.ts";
import { configSchema } from "../../src/config/schema.ts";

test("docs/configuration.md lists every key with its description and its allowed values, and no other key", () => {
  const file = path.join(import.meta.dirname, "../../docs/configuration.md");
  const documented = readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .map(([, key = "", , description, allowed]) => ({
      key: key.replaceAll("`", ""),
      description,
      allowed,
    }));
  const all = keysOf(configSchema).flatMap((key) => [key, ...entryKeysOf(key)]);
  const known = all.map(({ name, description, schema }) => ({
    key: name,
    description,
    allowed: allowedFor(schema),
  }));
  assert.deepEqual(documented, known);
});
