/** A change of a mirror is not possible. The message is one line, for the client. */
export class MirrorError extends Error {
  override readonly name = "MirrorError";
  readonly kind: "invalid" | "unknown" | "conflict";

  constructor(kind: MirrorError["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}
