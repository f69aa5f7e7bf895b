/** The parsed `Authorization` header of a request. */
export type Authorization =
  | { readonly kind: "none" }
  | { readonly kind: "bearer"; readonly token: string }
  | { readonly kind: "basic"; readonly name: string; readonly secret: string }
  /** An unknown scheme or a malformed value. The request is rejected; it is never treated as anonymous. */
  | { readonly kind: "unreadable" };

/** Parses the header. The scheme is case-insensitive (RFC 9110, 11.1). */
export function readAuthorization(header: string | undefined): Authorization {
  if (header === undefined || header === "") return { kind: "none" };
  const space = header.indexOf(" ");
  const scheme = header.slice(0, space).toLowerCase();
  const rest = header.slice(space + 1);
  if (scheme === "bearer") return { kind: "bearer", token: rest };
  if (scheme !== "basic") return { kind: "unreadable" };
  const text = Buffer.from(rest, "base64").toString("utf8");
  const colon = text.indexOf(":");
  // RFC 7617, 2: a user name has no colon; a password may have one.
  return colon < 1
    ? { kind: "unreadable" }
    : { kind: "basic", name: text.slice(0, colon), secret: text.slice(colon + 1) };
}
