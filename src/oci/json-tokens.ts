import { failure, unexpected } from "./json-error.ts";
import { keepsValue } from "./json-number.ts";

// Each scanner gets the index of the first character of a token and returns the index after its last one. Together
// they check the whole grammar of RFC 8259. They throw a JsonError for invalid text.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const NINE = 0x39;
const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const UPPER_E = 0x45;
const LOWER_E = 0x65;

/** Returns the index after spaces, tabs and line ends. */
export function skipSpace(text: string, start: number): number {
  let at = start;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
    at += 1;
  }
}

/** Returns the index after `true`, `false` or `null`. */
export function scanWord(text: string, at: number, word: string): number {
  if (!text.startsWith(word, at)) throw unexpected(text, at);
  return at + word.length;
}

/** Returns the index after the closing quote of a string. */
export function scanString(text: string, start: number): number {
  if (text.charCodeAt(start) !== QUOTE) throw unexpected(text, start);
  for (let at = start + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code < 0x20) throw failure("control character in a string", text, at);
    if (code === BACKSLASH) at = scanEscape(text, at) - 1;
  }
  throw failure("unterminated string", text, text.length);
}

/** Returns the index after a number. With `strict` it rejects a number that JSON parsers may read differently. */
export function scanNumber(text: string, start: number, strict: boolean): number {
  const first = text.charCodeAt(start) === MINUS ? start + 1 : start;
  let at = scanDigits(text, first);
  if (text.charCodeAt(first) === ZERO && at > first + 1) throw unexpected(text, first + 1);
  if (text.charCodeAt(at) === POINT) at = scanDigits(text, at + 1);
  const code = text.charCodeAt(at);
  const isScaled = code === LOWER_E || code === UPPER_E;
  if (isScaled) {
    const sign = text.charCodeAt(at + 1);
    at = scanDigits(text, sign === PLUS || sign === MINUS ? at + 2 : at + 1);
  }
  // Up to 15 digits without an exponent are always exact. Nearly all numbers have this form.
  const isPlain = !isScaled && at - start <= 15;
  if (isPlain || !strict || keepsValue(text.slice(start, at))) return at;
  throw failure("number out of the safe range", text, start);
}

function scanDigits(text: string, start: number): number {
  let at = start;
  for (;;) {
    const code = text.charCodeAt(at);
    if (!(code >= ZERO && code <= NINE)) break;
    at += 1;
  }
  if (at === start) throw unexpected(text, at);
  return at;
}

function scanEscape(text: string, start: number): number {
  const escaped = text.charAt(start + 1);
  if (escaped !== "" && '"\\/bfnrt'.includes(escaped)) return start + 2;
  if (/^u[0-9a-fA-F]{4}$/.test(text.slice(start + 1, start + 6))) return start + 6;
  throw failure("invalid escape in a string", text, start);
}
