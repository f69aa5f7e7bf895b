/** `conflict`: the change would violate another rule; the message names it and the step to do first. */
export type AccountErrorKind = "invalid" | "unknown" | "exists" | "conflict";

/** An account operation failed. The message is one line, for the client. */
export class AccountError extends Error {
  override readonly name = "AccountError";
  readonly kind: AccountErrorKind;

  constructor(kind: AccountErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
