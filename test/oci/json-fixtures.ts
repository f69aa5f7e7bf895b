import fc from "fast-check";
import assert from "node:assert/strict";
import { JsonError, parseStrictJson, type JsonBounds } from "../../src/oci/json.ts";

export const encoder = new TextEncoder();

export function parse(text: string, bounds?: Partial<JsonBounds>): unknown {
  return parseStrictJson(encoder.encode(text), bounds);
}

/** The text after encoding as UTF-8: a lone surrogate becomes U+FFFD. */
export function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

/** The reason and the position of the JSON error; fails if the parser accepts the input. */
export function refusalOf(
  bytes: Uint8Array | string,
  bounds?: Partial<JsonBounds>,
): [string, number] {
  try {
    parseStrictJson(typeof bytes === "string" ? encoder.encode(bytes) : bytes, bounds);
  } catch (error) {
    assert.ok(error instanceof JsonError, String(error));
    return [error.message.replace(/ at byte \d+$/, ""), error.position];
  }
  return assert.fail(`accepted: ${String(bytes).slice(0, 100)}`);
}

/** A JSON document as a tree. An object may have duplicate keys. */
type Node =
  | { readonly kind: "scalar"; readonly value: string | number | boolean | null }
  | { readonly kind: "array"; readonly items: readonly Node[] }
  | { readonly kind: "object"; readonly entries: readonly (readonly [string, Node])[] };

const key = fc.oneof(fc.constantFrom("", "a", "b", '"', "\\", "é", "__proto__", "\0"), fc.string());

const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    fc
      .oneof(fc.string({ unit: "binary" }), fc.boolean(), fc.constant(null), fc.maxSafeInteger())
      .map((value): Node => ({ kind: "scalar", value })),
    fc.array(tie("node"), { maxLength: 4 }).map((items): Node => ({ kind: "array", items })),
    fc
      .array(fc.tuple(key, tie("node")), { maxLength: 4 })
      .map((entries): Node => ({ kind: "object", entries })),
  ),
}));

export function hasDuplicate(tree: Node): boolean {
  if (tree.kind === "scalar") return false;
  if (tree.kind === "array") return tree.items.some(hasDuplicate);
  const keys = tree.entries.map(([name]) => name);
  return (
    keys.some((name, i) => keys.indexOf(name) !== i) ||
    tree.entries.some(([, value]) => hasDuplicate(value))
  );
}

export function valueOf(tree: Node): unknown {
  if (tree.kind === "scalar")
    return typeof tree.value === "string" ? wellFormed(tree.value) : tree.value;
  if (tree.kind === "array") return tree.items.map(valueOf);
  return Object.fromEntries(tree.entries.map(([name, value]) => [name, valueOf(value)]));
}

export function depthOf(tree: Node): number {
  if (tree.kind === "scalar") return 0;
  const below = tree.kind === "array" ? tree.items : tree.entries.map(([, value]) => value);
  return 1 + Math.max(0, ...below.map(depthOf));
}

/** The tree as text. `next` chooses the white space and the escapes. */
function render(tree: Node, next: () => number): string {
  const space = (): string => ["", "", " ", "\n\t", "\r"][next() % 5] ?? "";
  const spell = (text: string): string => {
    if (next() % 2 === 0) return JSON.stringify(text);
    const escapes = Array.from({ length: text.length }, (_, i) =>
      text.charCodeAt(i).toString(16).padStart(4, "0"),
    );
    return `"${escapes.map((code) => `\\u${code}`).join("")}"`;
  };
  const list = (parts: readonly string[]): string =>
    parts.map((part) => space() + part + space()).join(",") || space();
  if (tree.kind === "array") return `[${list(tree.items.map((item) => render(item, next)))}]`;
  if (tree.kind === "object") {
    const entries = tree.entries.map(
      ([name, value]) => `${spell(name)}${space()}:${space()}${render(value, next)}`,
    );
    return `{${list(entries)}}`;
  }
  return typeof tree.value === "string" ? spell(tree.value) : JSON.stringify(tree.value);
}

export const document = fc.tuple(node, fc.array(fc.nat(), { minLength: 1, maxLength: 20 }));

export function textOf([tree, choices]: readonly [Node, readonly number[]]): string {
  let i = 0;
  return render(tree, () => choices[i++ % choices.length] ?? 0);
}

/** Whether all integers in the value are safe integers, which every JSON reader can represent. */
export function isPortable(value: unknown): boolean {
  if (typeof value === "number") return !Number.isInteger(value) || Number.isSafeInteger(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.values(value).every(isPortable);
}
