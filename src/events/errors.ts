import { receiverAnswerAtMost } from "../api/limits.ts";
import { printableLine } from "../observability/printable.ts";

/** An operation on a webhook failed. The message is one line, for the client. */
export class WebhookError extends Error {
  override readonly name = "WebhookError";
  readonly kind: "invalid" | "unknown" | "conflict";

  constructor(kind: WebhookError["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** The encrypted secret of a webhook does not open. */
export class SecretError extends Error {
  override readonly name = "SecretError";
}

/** A receiver must answer in this time; it should answer before it does the work. */
export const answerMs = 10_000;

/** Why a receiver did not answer, in one line. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  if (error.name === "TimeoutError") return `no answer in ${answerMs / 1000} s`;
  const { message } = error;
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  return printableLine(message === "" ? code : message).slice(0, receiverAnswerAtMost);
}
