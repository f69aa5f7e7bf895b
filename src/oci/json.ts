import { JsonError, failure, unexpected } from "./json-error.ts";
import { scanNumber, scanString, scanWord, skipSpace } from "./json-tokens.ts";

export { JsonError } from "./json-error.ts";

const MAX_DEPTH = 64;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const ARRAY_START = 0x5b;
const ARRAY_END = 0x5d;
const LETTER_F = 0x66;
const LETTER_N = 0x6e;
const LETTER_T = 0x74;
const OBJECT_START = 0x7b;
const OBJECT_END = 0x7d;

/**
 * Reads JSON that every reader understands alike. Beyond RFC 8259 it refuses a byte order mark, bytes
 * that are not UTF-8, trailing bytes, a key twice in one object at any depth (`"a"` and `"\u0061"` are
 * the same key), integers outside ±(2^53 - 1), numbers that lose value as a double, and arrays and
 * objects nested deeper than `maxDepth` (64). Throws JsonError.
 */
export function parseStrictJson(
  bytes: Uint8Array,
  { maxDepth = MAX_DEPTH }: { readonly maxDepth?: number } = {},
): unknown {
  const text = decode(bytes);
  const end = skipSpace(text, scanValue(text, skipSpace(text, 0), maxDepth));
  if (end < text.length) throw failure("trailing bytes", text, end);
  // The scan checked the whole grammar: this only builds the value.
  const value: unknown = JSON.parse(text);
  return value;
}

/** Whether a JSON value is an object: neither null nor an array. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function decode(bytes: Uint8Array): string {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw new JsonError("byte order mark", 0);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const repaired = new TextEncoder().encode(new TextDecoder("utf-8").decode(bytes));
    const position = bytes.findIndex((byte, i) => byte !== repaired[i]);
    throw new JsonError("invalid UTF-8", position);
  }
}

/** Returns the index behind the value that starts at `at`; throws JsonError. */
function scanValue(text: string, at: number, depthLeft: number): number {
  switch (text.charCodeAt(at)) {
    case OBJECT_START:
      return scanObject(text, at, depthLeft - 1);
    case ARRAY_START:
      return scanArray(text, at, depthLeft - 1);
    case QUOTE:
      return scanString(text, at);
    case LETTER_T:
      return scanWord(text, at, "true");
    case LETTER_F:
      return scanWord(text, at, "false");
    case LETTER_N:
      return scanWord(text, at, "null");
    default:
      return scanNumber(text, at);
  }
}

function scanObject(text: string, start: number, depthLeft: number): number {
  if (depthLeft < 0) throw failure("nested too deeply", text, start);
  let at = skipSpace(text, start + 1);
  if (text.charCodeAt(at) === OBJECT_END) return at + 1;
  const keys = new Set<string>();
  for (;;) {
    const keyEnd = scanString(text, at);
    const key = keyOf(text.slice(at, keyEnd));
    if (keys.has(key)) throw failure(`duplicate key ${JSON.stringify(cut(key))}`, text, at);
    keys.add(key);
    at = skipSpace(text, keyEnd);
    if (text.charCodeAt(at) !== COLON) throw unexpected(text, at);
    at = skipSpace(text, scanValue(text, skipSpace(text, at + 1), depthLeft));
    if (text.charCodeAt(at) === OBJECT_END) return at + 1;
    if (text.charCodeAt(at) !== COMMA) throw unexpected(text, at);
    at = skipSpace(text, at + 1);
  }
}

function scanArray(text: string, start: number, depthLeft: number): number {
  if (depthLeft < 0) throw failure("nested too deeply", text, start);
  let at = skipSpace(text, start + 1);
  if (text.charCodeAt(at) === ARRAY_END) return at + 1;
  for (;;) {
    at = skipSpace(text, scanValue(text, at, depthLeft));
    if (text.charCodeAt(at) === ARRAY_END) return at + 1;
    if (text.charCodeAt(at) !== COMMA) throw unexpected(text, at);
    at = skipSpace(text, at + 1);
  }
}

/** Two spellings of one key, with and without escapes, are one key. */
function keyOf(literal: string): string {
  return literal.includes("\\") ? String(JSON.parse(literal)) : literal.slice(1, -1);
}

function cut(key: string): string {
  return key.slice(0, 64);
}
