import { createHash, randomInt } from "node:crypto";
import { crc32 } from "node:zlib";

/** `berth_pat_…` is used instead of a user's password, `berth_oat_…` instead of an organisation's. */
export type TokenKind = "personal" | "organisation";

const prefixes: Readonly<Record<TokenKind, string>> = {
  personal: "berth_pat_",
  organisation: "berth_oat_",
};
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** Characters; 190 bits. */
const randomLength = 32;
const checksumLength = 6;
const grammar = /^berth_(?:pat|oat)_[0-9A-Za-z]{38}$/;

/**
 * Creates a secret: prefix, 32 random characters and a checksum of 6 characters (CRC-32 of the text before it, in base
 * 62). A scanner for leaked secrets recognizes a secret by its checksum.
 */
export function generateTokenSecret(kind: TokenKind): string {
  const random = Array.from({ length: randomLength }, () => alphabet[randomInt(alphabet.length)]);
  const body = `${prefixes[kind]}${random.join("")}`;
  return `${body}${checksumOf(body)}`;
}

/** Whether the text has a token prefix. Such a text is never checked as a password. */
export function looksLikeToken(secret: string): boolean {
  return Object.values(prefixes).some((prefix) => secret.startsWith(prefix));
}

/** Whether the text has the format and the checksum of {@link generateTokenSecret}. */
export function isTokenSecret(secret: string): boolean {
  if (!grammar.test(secret)) return false;
  return secret.slice(-checksumLength) === checksumOf(secret.slice(0, -checksumLength));
}

/** The stored form. A fast hash (SHA-256) is enough for 190 random bits. */
export function hashTokenSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

function checksumOf(body: string): string {
  let rest = crc32(body);
  let text = "";
  for (let digits = 0; digits < checksumLength; digits += 1) {
    text = `${alphabet[rest % alphabet.length]}${text}`;
    rest = Math.trunc(rest / alphabet.length);
  }
  return text;
}
