import { createHash, randomInt } from "node:crypto";
import { crc32 } from "node:zlib";

/** `berth_pat_…` stands in for a user's password, `berth_oat_…` for that of an organisation. */
export type TokenKind = "personal" | "organisation";

const prefixes: Readonly<Record<TokenKind, string>> = {
  personal: "berth_pat_",
  organisation: "berth_oat_",
};
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** 190 bits. */
const randomLength = 32;
const checksumLength = 6;
const grammar = /^berth_(?:pat|oat)_[0-9A-Za-z]{38}$/;

/**
 * A new secret: prefix, 32 random characters, and six of a checksum (CRC-32 of what stands before it, in base 62), by
 * which a scanner for leaked secrets tells it from any other text.
 */
export function generateTokenSecret(kind: TokenKind): string {
  const random = Array.from({ length: randomLength }, () => alphabet[randomInt(alphabet.length)]);
  const body = `${prefixes[kind]}${random.join("")}`;
  return `${body}${checksumOf(body)}`;
}

/** Whether it claims to be a token; such a text is never taken for a password. */
export function looksLikeToken(secret: string): boolean {
  return Object.values(prefixes).some((prefix) => secret.startsWith(prefix));
}

/** Whether it is one that {@link generateTokenSecret} can have made. */
export function isTokenSecret(secret: string): boolean {
  if (!grammar.test(secret)) return false;
  return secret.slice(-checksumLength) === checksumOf(secret.slice(0, -checksumLength));
}

/** What is kept of it. A fast hash is enough for what is this random. */
export function hashTokenSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

function checksumOf(body: string): string {
  let rest = crc32(body);
  let text = "";
  for (let client = 0; client < checksumLength; client += 1) {
    text = `${alphabet[rest % alphabet.length]}${text}`;
    rest = Math.floor(rest / alphabet.length);
  }
  return text;
}
