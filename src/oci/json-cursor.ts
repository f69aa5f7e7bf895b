import {
  JsonBoundError,
  positionOf,
  scanCharacters,
  scanNumber,
  scanString,
  scanWord,
  skipSpace,
  unexpected,
} from "./json-tokens.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
export const ARRAY_START = 0x5b;
export const ARRAY_END = 0x5d;
const LETTER_F = 0x66;
const LETTER_N = 0x6e;
const LETTER_T = 0x74;
export const OBJECT_START = 0x7b;
export const OBJECT_END = 0x7d;

const depthAtMost = 200;
/** About 0.5 s of work. An SBOM of 8 MiB has 300,000. */
const valuesAtMost = 1_000_000;
/** Characters between two pauses: about 1 ms of work. */
const stepCharacters = 16 * 1024;
const keyCharactersAtMost = 256;

/** A position in a JSON document. Its methods check the grammar of what they move behind. */
export class JsonCursor {
  readonly text: string;
  at: number;
  #values = 0;
  #pausedAt = 0;

  constructor(text: string) {
    this.text = text;
    // Some programs write a byte order mark.
    this.at = skipSpace(text, text.startsWith("\uFEFF") ? 1 : 0);
  }

  /** Moves the cursor behind an object or a list without reading it. */
  *skip(): Generator<undefined, undefined, undefined> {
    /** The closing characters of the open objects and lists. */
    const open: number[] = [];
    do {
      const first = this.text.charCodeAt(this.at);
      const isObject = first === OBJECT_START;
      let isOpened = false;
      if (isObject || first === ARRAY_START) {
        this.count(open.length, depthAtMost);
        const end = isObject ? OBJECT_END : ARRAY_END;
        isOpened = !this.isEmpty(end);
        if (isOpened) open.push(end);
      } else if (!this.scan()) yield* this.restOfString();
      if (!isOpened) while (open.length > 0 && !this.goesOn(open.at(-1) ?? ARRAY_END)) open.pop();
      if (open.at(-1) === OBJECT_END) this.key();
      if (this.isDue()) yield;
    } while (open.length > 0);
  }

  /** Moves the cursor behind a short string, a number or a word. False: the value is another one. */
  isShort(): boolean {
    const first = this.text.charCodeAt(this.at);
    if (first === OBJECT_START || first === ARRAY_START) return false;
    const { at } = this;
    if (this.scan()) return true;
    this.at = at;
    return false;
  }

  /** Moves the cursor behind a string, a number or a word. False: the string is long, and the cursor is in it. */
  scan(): boolean {
    this.count(0, depthAtMost);
    const text = this.text;
    switch (text.charCodeAt(this.at)) {
      case QUOTE: {
        const start = this.at;
        this.at = scanCharacters(text, start + 1, Math.min(text.length, start + stepCharacters));
        if (text.charCodeAt(this.at) !== QUOTE) return false;
        this.at += 1;
        return true;
      }
      case LETTER_T:
        this.at = scanWord(text, this.at, "true");
        return true;
      case LETTER_F:
        this.at = scanWord(text, this.at, "false");
        return true;
      case LETTER_N:
        this.at = scanWord(text, this.at, "null");
        return true;
      default:
        this.at = scanNumber(text, this.at, false);
        return true;
    }
  }

  *restOfString(): Generator<undefined, undefined, undefined> {
    const text = this.text;
    while (text.charCodeAt(this.at) !== QUOTE) {
      if (this.at >= text.length) throw unexpected(text, text.length);
      this.at = scanCharacters(text, this.at, Math.min(text.length, this.at + stepCharacters));
      if (this.isDue()) yield;
    }
    this.at += 1;
  }

  /** The key at the cursor, empty for one that no shape has. Moves the cursor to its value. */
  key(): string {
    const text = this.text;
    const end = scanString(text, this.at);
    const literal = end - this.at > keyCharactersAtMost ? '""' : text.slice(this.at, end);
    const key = literal.includes("\\") ? String(JSON.parse(literal)) : literal.slice(1, -1);
    this.at = skipSpace(text, end);
    if (text.charCodeAt(this.at) !== COLON) throw unexpected(text, this.at);
    this.at = skipSpace(text, this.at + 1);
    return key;
  }

  /** Enters an object or a list. Whether it is empty; then the cursor is behind it. */
  isEmpty(end: number): boolean {
    this.at = skipSpace(this.text, this.at + 1);
    if (this.text.charCodeAt(this.at) !== end) return false;
    this.at += 1;
    return true;
  }

  /** Moves the cursor behind the comma or the end after a value. Whether another value follows. */
  goesOn(end: number): boolean {
    this.at = skipSpace(this.text, this.at);
    const code = this.text.charCodeAt(this.at);
    if (code !== end && code !== COMMA) throw unexpected(this.text, this.at);
    this.at += 1;
    if (code === end) return false;
    this.at = skipSpace(this.text, this.at);
    return true;
  }

  count(depth: number, most: number): void {
    this.#values += 1;
    if (depth >= most)
      throw new JsonBoundError("nested too deeply", positionOf(this.text, this.at));
    if (this.#values <= valuesAtMost) return;
    const reason = `more than ${valuesAtMost} values`;
    throw new JsonBoundError(reason, positionOf(this.text, this.at));
  }

  /** Whether enough was read since the last pause. */
  isDue(): boolean {
    if (this.at - this.#pausedAt < stepCharacters) return false;
    this.#pausedAt = this.at;
    return true;
  }
}
