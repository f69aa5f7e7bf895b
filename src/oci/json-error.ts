/** Why a text is not strict JSON, and at which byte. */
export class JsonError extends Error {
  override readonly name: string = "JsonError";
  /** Offset in bytes. */
  readonly position: number;

  constructor(reason: string, position: number) {
    super(`${reason} at byte ${position}`);
    this.position = position;
  }
}

/** The text has more values, more keys or more levels than its reader takes, whatever else is in it. */
export class JsonBoundError extends JsonError {
  override readonly name = "JsonBoundError";
}

/** A JsonError at a character of the text. */
export function failure(reason: string, text: string, at: number): JsonError {
  return new JsonError(reason, positionOf(text, at));
}

/** Offset in bytes of a character of the text. */
export const positionOf = (text: string, at: number): number =>
  Buffer.byteLength(text.slice(0, at));

/** A JsonError for a character that can't be here, or for a text that stops here. */
export function unexpected(text: string, at: number): JsonError {
  return failure(at < text.length ? "unexpected character" : "unexpected end", text, at);
}
