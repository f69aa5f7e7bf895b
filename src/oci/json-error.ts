/** Why a text is not strict JSON, and at which byte. */
export class JsonError extends Error {
  override readonly name = "JsonError";
  /** Offset in bytes. */
  readonly position: number;

  constructor(reason: string, position: number) {
    super(`${reason} at byte ${position}`);
    this.position = position;
  }
}

/** A JsonError at a character of the text. */
export function failure(reason: string, text: string, at: number): JsonError {
  return new JsonError(reason, new TextEncoder().encode(text.slice(0, at)).length);
}

/** A JsonError for a character that can't be here, or for a text that stops here. */
export function unexpected(text: string, at: number): JsonError {
  return failure(at < text.length ? "unexpected character" : "unexpected end", text, at);
}
