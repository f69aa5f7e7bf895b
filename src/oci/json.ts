import {
  failure,
  JsonBoundError,
  JsonError,
  positionOf,
  scanNumber,
  scanString,
  scanWord,
  skipSpace,
  unexpected,
} from "./json-tokens.ts";

export { JsonBoundError, JsonError } from "./json-tokens.ts";

/** Limits of a document, checked before its value is built. */
export interface JsonBounds {
  /** Nested arrays and objects. */
  readonly maxDepth: number;
  /** Objects, arrays, strings, numbers and words of the whole document. */
  readonly maxValues: number;
  /** Keys of one object. */
  readonly maxKeys: number;
}

/**
 * Enough for an image manifest of 5,000 layers with 5 annotations each. A document at these bounds is parsed in less
 * than 100 ms; without bounds 4 MiB of short keys take 1 s.
 */
export const defaultJsonBounds: JsonBounds = { maxDepth: 64, maxValues: 50_000, maxKeys: 10_000 };

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

/** State of one scan. */
interface Scan {
  readonly text: string;
  /** Whether duplicate keys, and numbers that a double cannot represent, are rejected. */
  readonly strict: boolean;
  readonly bounds: JsonBounds;
  values: number;
  hasEscapedKey: boolean;
}

/**
 * Parses JSON that each JSON parser reads the same. Beyond RFC 8259 it rejects a byte order mark, bytes
 * that are not UTF-8, trailing bytes, a duplicate key in one object at any depth (`"a"` and `"\u0061"` are
 * the same key), integers outside ±(2^53 - 1), and numbers that lose precision as a double.
 * Throws JsonError, and JsonBoundError for a document beyond the bounds.
 */
export function parseStrictJson(bytes: Uint8Array, bounds: Partial<JsonBounds> = {}): unknown {
  return parse(decode(bytes), true, bounds);
}

/**
 * Parses JSON like the specification of `JSON.parse`: the last of equal keys counts. Bytes that are not UTF-8 become
 * U+FFFD. Throws JsonError, and JsonBoundError for a document beyond the bounds.
 */
export function parseJson(bytes: Uint8Array, bounds: Partial<JsonBounds> = {}): unknown {
  return parse(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes), false, bounds);
}

function parse(text: string, strict: boolean, bounds: Partial<JsonBounds>): unknown {
  const all = { ...defaultJsonBounds, ...bounds };
  const scan: Scan = { text, strict, bounds: all, values: 0, hasEscapedKey: false };
  const end = skipSpace(text, scanValue(scan, skipSpace(text, 0), all.maxDepth));
  if (end < text.length) throw failure("trailing bytes", text, end);
  // The scan has checked the whole grammar; this only builds the value. JSON.parse of Node 24 and 26 may return
  // a wrong key for a key with escapes (https://github.com/nodejs/node/issues/63785).
  const value: unknown = scan.hasEscapedKey ? buildValue(text) : JSON.parse(text);
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

/** Returns the index after the value that starts at `at`. Throws JsonError. */
function scanValue(scan: Scan, at: number, depthLeft: number): number {
  const { text } = scan;
  scan.values += 1;
  if (scan.values > scan.bounds.maxValues)
    throw beyond(scan, at, `more than ${scan.bounds.maxValues} values`);
  switch (text.charCodeAt(at)) {
    case OBJECT_START:
      return scanObject(scan, at, depthLeft - 1);
    case ARRAY_START:
      return scanArray(scan, at, depthLeft - 1);
    case QUOTE:
      return scanString(text, at);
    case LETTER_T:
      return scanWord(text, at, "true");
    case LETTER_F:
      return scanWord(text, at, "false");
    case LETTER_N:
      return scanWord(text, at, "null");
    default:
      return scanNumber(text, at, scan.strict);
  }
}

function scanObject(scan: Scan, start: number, depthLeft: number): number {
  const { text, strict } = scan;
  const { maxKeys } = scan.bounds;
  if (depthLeft < 0) throw beyond(scan, start, "nested too deeply");
  let at = skipSpace(text, start + 1);
  if (text.charCodeAt(at) === OBJECT_END) return at + 1;
  const keys = new Set<string>();
  for (let count = 1; ; count += 1) {
    if (count > maxKeys) throw beyond(scan, at, `more than ${maxKeys} keys in one object`);
    const keyEnd = scanString(text, at);
    const literal = text.slice(at, keyEnd);
    const isEscaped = literal.includes("\\");
    if (isEscaped) scan.hasEscapedKey = true;
    if (strict) {
      // A key with escapes and the same key without them are equal.
      const key = isEscaped ? String(JSON.parse(literal)) : literal.slice(1, -1);
      if (keys.has(key)) throw failure(`duplicate key ${JSON.stringify(cut(key))}`, text, at);
      keys.add(key);
    }
    at = skipSpace(text, keyEnd);
    if (text.charCodeAt(at) !== COLON) throw unexpected(text, at);
    at = skipSpace(text, scanValue(scan, skipSpace(text, at + 1), depthLeft));
    if (text.charCodeAt(at) === OBJECT_END) return at + 1;
    if (text.charCodeAt(at) !== COMMA) throw unexpected(text, at);
    at = skipSpace(text, at + 1);
  }
}

function scanArray(scan: Scan, start: number, depthLeft: number): number {
  const { text } = scan;
  if (depthLeft < 0) throw beyond(scan, start, "nested too deeply");
  let at = skipSpace(text, start + 1);
  if (text.charCodeAt(at) === ARRAY_END) return at + 1;
  for (;;) {
    at = skipSpace(text, scanValue(scan, at, depthLeft));
    if (text.charCodeAt(at) === ARRAY_END) return at + 1;
    if (text.charCodeAt(at) !== COMMA) throw unexpected(text, at);
    at = skipSpace(text, at + 1);
  }
}

/** Builds the value of a scanned text. JSON.parse reads only single strings, numbers and words, never an object. */
function buildValue(text: string): unknown {
  let at = 0;
  const take = (end: number): unknown => {
    const literal = text.slice(at, end);
    at = end;
    return JSON.parse(literal);
  };
  /** Whether the list continues. Moves the cursor past the comma or the closing bracket. */
  const goesOn = (): boolean => {
    at = skipSpace(text, at) + 1;
    return text.charCodeAt(at - 1) === COMMA;
  };
  const isEmpty = (closing: number): boolean => {
    at = skipSpace(text, at + 1);
    if (text.charCodeAt(at) !== closing) return false;
    at += 1;
    return true;
  };
  const value = (): unknown => {
    at = skipSpace(text, at);
    const first = text.charCodeAt(at);
    if (first === ARRAY_START) {
      const items: unknown[] = [];
      if (isEmpty(ARRAY_END)) return items;
      do items.push(value());
      while (goesOn());
      return items;
    }
    if (first !== OBJECT_START) return take(scalarEnd(text, at));
    const fields: Record<string, unknown> = {};
    if (isEmpty(OBJECT_END)) return fields;
    do {
      at = skipSpace(text, at);
      const key = String(take(scanString(text, at)));
      at = skipSpace(text, at) + 1;
      const held = { value: value(), enumerable: true, configurable: true, writable: true };
      if (key === "__proto__") Object.defineProperty(fields, key, held);
      else fields[key] = held.value;
    } while (goesOn());
    return fields;
  };
  return value();
}

function scalarEnd(text: string, at: number): number {
  if (text.charCodeAt(at) === QUOTE) return scanString(text, at);
  const word = ["true", "false", "null"].find((one) => text.startsWith(one, at));
  return word === undefined ? scanNumber(text, at, false) : at + word.length;
}

function beyond({ text }: Scan, at: number, reason: string): JsonBoundError {
  return new JsonBoundError(reason, positionOf(text, at));
}

function cut(key: string): string {
  return key.slice(0, 64);
}
