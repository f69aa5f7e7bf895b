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
