/** `conflict`: it would break what else must hold; the message says what, and what to do first. */
export type AccountErrorKind = "invalid" | "unknown" | "exists" | "conflict";

/** Something about accounts can't be done; the message is for whoever asked, in one line. */
export class AccountError extends Error {
  override readonly name = "AccountError";
  readonly kind: AccountErrorKind;

  constructor(kind: AccountErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
