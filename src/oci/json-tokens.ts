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
const LOWER_A = 0x61;
const LOWER_E = 0x65;
const LOWER_F = 0x66;

/** Decimal digits that a double always preserves. */
const EXACT_DIGITS = 15;
/** No double needs a longer literal; the limit bounds the work for longer ones. */
const LONGEST_NUMBER = 64;

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
  const end = scanCharacters(text, start + 1, text.length);
  if (end < text.length) return end + 1;
  throw failure("unterminated string", text, text.length);
}

/**
 * Returns the index of the quote that closes a string, for a start inside of the string. If there is none before
 * `limit`, returns the index of the first character that was not scanned, with which a next call may start.
 */
export function scanCharacters(text: string, start: number, limit: number): number {
  let at = start;
  for (; at < limit; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code < 0x20) throw failure("control character in a string", text, at);
    if (code === BACKSLASH) at = scanEscape(text, at) - 1;
  }
  return at;
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
  const isPlain = !isScaled && at - start <= EXACT_DIGITS;
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
  // A regular expression on a slice doubles the time of a document of escapes.
  if (escaped === "u" && hexDigitsAt(text, start + 2) === 4) return start + 6;
  throw failure("invalid escape in a string", text, start);
}

/** Number of hexadecimal digits from an index on, at most 4. */
function hexDigitsAt(text: string, start: number): number {
  let count = 0;
  for (; count < 4; count += 1) {
    const code = text.charCodeAt(start + count);
    const isDigit = code >= ZERO && code <= NINE;
    // The bit 0x20 is the difference between the cases of a letter.
    const letter = code | 0x20;
    if (!isDigit && !(letter >= LOWER_A && letter <= LOWER_F)) break;
  }
  return count;
}

/**
 * Whether each JSON parser reads the same number from this literal: integers within ±(2^53 - 1)
 * (RFC 8259, section 6), and no more digits and no larger exponent than a double can represent.
 */
function keepsValue(literal: string): boolean {
  if (literal.length > LONGEST_NUMBER) return false;
  const value = Number(literal);
  const magnitude = Math.abs(value);
  if (magnitude > Number.MAX_SAFE_INTEGER) return false;
  if (literal.length <= EXACT_DIGITS && magnitude > 1e-290) return true;
  const shortest = String(value);
  return literal === shortest || decimalOf(literal) === decimalOf(shortest);
}

/** The digits without leading and trailing zeros, and the power of ten of the last digit. Without the sign. */
function decimalOf(literal: string): string {
  const [mantissa = "", exponent = "0"] = literal.replace(/^-/, "").split(/e/i);
  const [whole = "", fraction = ""] = mantissa.split(".");
  const digits = (whole + fraction).replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return "0";
  const scale = Number(exponent) - fraction.length + digits.length - significant.length;
  return `${significant}e${scale}`;
}

/** A text is not strict JSON: the reason and its byte. */
export class JsonError extends Error {
  override readonly name: string = "JsonError";
  /** Offset in bytes. */
  readonly position: number;

  constructor(reason: string, position: number) {
    super(`${reason} at byte ${position}`);
    this.position = position;
  }
}

/** The text has more values, keys or levels than the bounds allow. */
export class JsonBoundError extends JsonError {
  override readonly name = "JsonBoundError";
}

/** A JsonError at a character of the text. */
export function failure(reason: string, text: string, at: number): JsonError {
  return new JsonError(reason, positionOf(text, at));
}

/** Converts the index of a character to an offset in UTF-8 bytes. */
export const positionOf = (text: string, at: number): number =>
  Buffer.byteLength(text.slice(0, at));

/** A JsonError for an unexpected character, or for an unexpected end of the text. */
export function unexpected(text: string, at: number): JsonError {
  return failure(at < text.length ? "unexpected character" : "unexpected end", text, at);
}
