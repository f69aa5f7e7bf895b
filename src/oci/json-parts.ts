import { ARRAY_END, ARRAY_START, JsonCursor, OBJECT_END, OBJECT_START } from "./json-cursor.ts";
import { skipSpace, unexpected } from "./json-tokens.ts";

/**
 * Which parts of a value are read. A value of another type, and each key that is not named, is checked and skipped. So
 * memory depends on the shape and not on the document.
 */
export interface JsonShape {
  /** A string, a number or a boolean is read as text, cut to this length. */
  readonly text?: number;
  /** The keys of an object that are read. */
  readonly keys?: Readonly<Record<string, JsonShape>>;
  /** An object of any keys: the first 20 texts, cut to this length. */
  readonly texts?: number;
  /** The elements of a list: with `take` each is handed to it, otherwise the first 20 are the value. */
  readonly items?: JsonShape;
  readonly take?: (item: JsonPart) => void;
}

/** What was read of a value: a text, the wanted keys of an object, the first elements of a list, or nothing. */
export type JsonPart = string | JsonParts | readonly JsonPart[] | undefined;
export interface JsonParts {
  readonly [key: string]: JsonPart;
}

/** Nested values of a recursive shape. */
const readDepthAtMost = 30;
/** A longer literal is read only for a text without a limit. */
const literalCharactersAtMost = 64 * 1024;
/** Elements of a list, and entries of an object of texts, that are a value. */
const entriesAtMost = 20;

/** The shape of a value that is skipped. */
const nothing: JsonShape = {};

/**
 * Reads parts of a large JSON document in small steps: after each `yield` the caller may let others use the event loop.
 * Checks the grammar of the whole document. The last of equal keys counts. Throws JsonError, and JsonBoundError for
 * more than 1,000,000 values, 200 levels, or 30 levels that the shape reads.
 */
export function* readJsonParts(
  text: string,
  shape: JsonShape,
): Generator<undefined, JsonPart, undefined> {
  const reader = new PartsReader(text);
  const part = yield* reader.read(shape, 0);
  reader.at = skipSpace(text, reader.at);
  if (reader.at < text.length) throw unexpected(text, reader.at);
  return part;
}

/** Reading a part: what is not of the wanted type counts as missing. */
export const textIn = (part: JsonPart): string | undefined =>
  typeof part === "string" && part !== "" ? part : undefined;
export const partsIn = (part: JsonPart): JsonParts =>
  typeof part === "object" && !isList(part) ? part : {};
export const listIn = (part: JsonPart): readonly JsonPart[] => (isList(part) ? part : []);

const isList = (part: JsonPart): part is readonly JsonPart[] => Array.isArray(part);

class PartsReader extends JsonCursor {
  /** Reads the value at the cursor, and moves the cursor behind it. */
  *read(shape: JsonShape, depth: number): Generator<undefined, JsonPart, undefined> {
    const isObject = this.text.charCodeAt(this.at) === OBJECT_START;
    if (!isObject && this.text.charCodeAt(this.at) !== ARRAY_START) {
      const start = this.at;
      if (!this.scan()) yield* this.restOfString();
      return this.#textFrom(start, shape);
    }
    const { keys, texts, items } = shape;
    if (isObject && (keys !== undefined || texts !== undefined))
      return yield* this.#object(shape, depth);
    if (!isObject && items !== undefined) return yield* this.#list(shape, depth);
    return yield* this.skip();
  }

  /** The string, number or word between an index and the cursor. */
  #textFrom(start: number, { text: longest }: JsonShape): string | undefined {
    if (longest === undefined) return undefined;
    if (this.at - start > literalCharactersAtMost && longest !== Infinity) return undefined;
    const literal = this.text.slice(start, this.at);
    if (!literal.startsWith('"')) return literal === "null" ? undefined : literal.slice(0, longest);
    const text = literal.includes("\\") ? String(JSON.parse(literal)) : literal.slice(1, -1);
    return text.slice(0, longest);
  }

  *#object({ keys, texts }: JsonShape, depth: number): Generator<undefined, JsonParts, undefined> {
    this.count(depth, readDepthAtMost);
    const parts: Record<string, JsonPart> = Object.create(null) as Record<string, JsonPart>;
    let left = texts === undefined ? 0 : entriesAtMost;
    if (this.isEmpty(OBJECT_END)) return parts;
    do {
      const key = this.key();
      const named = keys !== undefined && Object.hasOwn(keys, key) ? keys[key] : undefined;
      const shape = named ?? (left > 0 ? { text: texts ?? 0 } : nothing);
      const start = this.at;
      // Most values are short, so that a generator for each would double the time.
      const part = this.isShort()
        ? this.#textFrom(start, shape)
        : yield* this.read(shape, depth + 1);
      if (part !== undefined) parts[key] = part;
      else if (shape !== nothing) delete parts[key];
      left -= 1;
      if (this.isDue()) yield;
    } while (this.goesOn(OBJECT_END));
    return parts;
  }

  *#list(
    { items = nothing, take }: JsonShape,
    depth: number,
  ): Generator<undefined, readonly JsonPart[], undefined> {
    this.count(depth, readDepthAtMost);
    const first: JsonPart[] = [];
    if (this.isEmpty(ARRAY_END)) return first;
    do {
      const start = this.at;
      const item = this.isShort()
        ? this.#textFrom(start, items)
        : yield* this.read(items, depth + 1);
      if (take !== undefined) take(item);
      else if (first.length < entriesAtMost) first.push(item);
      if (this.isDue()) yield;
    } while (this.goesOn(ARRAY_END));
    return first;
  }
}
