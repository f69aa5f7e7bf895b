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

export const unknownAccount = (kind: "account" | "user" | "organisation", name: string) =>
  new AccountError("unknown", `there is no ${kind} ${name}`);

export const unknownTeam = (organisation: string, team: string) =>
  new AccountError("unknown", `there is no team ${team} in ${organisation}`);

export const notAMember = (user: string, of: string) =>
  new AccountError("unknown", `${user} is not a member of ${of}`);

export const teamExists = (organisation: string, team: string) =>
  new AccountError("exists", `${organisation} has a team ${team} already`);

export const noRepository = (name: string) =>
  new AccountError("unknown", `there is no repository ${name}`);
