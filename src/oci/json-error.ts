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
