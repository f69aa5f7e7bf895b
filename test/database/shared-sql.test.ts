import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";

const root = path.join(import.meta.dirname, "../../src/database");

/** SQL that only SQLite accepts, or that PostgreSQL understands in another way, with an example. */
const refused: readonly { readonly words: RegExp; readonly example: string }[] = [
  {
    words: /\b(?:json_\w+|iif|instr|ifnull|unixepoch|group_concat|total)\(/,
    example: "SELECT value FROM json_each(?)",
  },
  { words: /\b(?:rowid|pragma_\w+|sqlite_\w+)\b/, example: "SELECT rowid FROM tags" },
  { words: /\b(?:PRAGMA|GLOB|MATCH|REGEXP|INDEXED BY)\b/, example: "name GLOB ?" },
  { words: /\bINSERT OR\b|\bREPLACE INTO\b/, example: "INSERT OR IGNORE INTO tags" },
  // The greatest of several values; with one value they are aggregates.
  {
    words: /(?<!Math\.)\b(?:max|min)\([^()]*(?:\([^()]*\)[^()]*)*,/,
    example: "max(coalesce(a, 0), b)",
  },
  { words: /->/, example: "annotations ->> 'a'" },
  { words: /\bIS (?:NOT )?(?:\$\{|\?)/, example: "account_id IS ?" },
  { words: /\bLIKE (?!.* ESCAPE)/, example: "name LIKE ?" },
  // PostgreSQL folds it to lower case, so the property has another name.
  { words: /\bAS \w*[A-Z]/, example: "size_bytes AS sizeBytes" },
  // PostgreSQL 15 needs it.
  {
    words: /\bFROM \((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)(?!\s+AS\b)/,
    example: "SELECT 1 FROM (SELECT 2)",
  },
  { words: /\bsum\([^()]*=/, example: "sum(state = 'missing')" },
];

function sourceFiles(): readonly string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && !/^(?:sqlite|postgres)\b/.test(file),
  );
}

/** The texts of the template literals after `sql` and in `sql.raw(…)`, with the nested ones. Comments and JavaScript are not SQL. */
function statementsOf(source: string): readonly string[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  return [...code.matchAll(/\bsql(?:<[^`]*?>)?(?:\.raw\(\s*)?`/g)].map(({ index }) =>
    template(code, index),
  );
}

function template(code: string, start: number): string {
  let depth = 0;
  for (let at = code.indexOf("`", start) + 1; at < code.length; at += 1) {
    if (code[at] === "\\") at += 1;
    else if (code.startsWith("${", at)) depth += 1;
    else if (code[at] === "}") depth -= 1;
    else if (code[at] === "`" && depth === 0) return code.slice(start, at + 1);
  }
  return code.slice(start);
}

describe("the SQL of src/database", () => {
  const statements = sourceFiles().flatMap((file) =>
    statementsOf(readFileSync(path.join(root, file), "utf8")).map((text) => ({ file, text })),
  );

  test("has no words that only SQLite knows, outside the folders sqlite and postgres", () => {
    assert.ok(statements.length > 60, `${statements.length} statements`);
    const found = statements.flatMap(({ file, text }) =>
      refused
        .filter(({ words }) => words.test(text))
        .map(({ words }) => `${file}: ${words.source}\n${text}`),
    );
    assert.deepEqual(found, []);
  });

  // A prepared statement fails when its result gets a column that a newer replica has added.
  test("names the columns of each result, so that a replica works on beside a newer one", () => {
    const found = sourceFiles().filter((file) =>
      /\.(?:select|returning)All\(/.test(readFileSync(path.join(root, file), "utf8")),
    );
    assert.deepEqual(found, []);
  });

  test("would be refused for each of these examples", () => {
    for (const { words, example } of refused) assert.match(example, words);
  });
});
