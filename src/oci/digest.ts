import { createHash } from "node:crypto";
import { OciError } from "./errors.ts";

declare const brand: unique symbol;

/** `sha256:` and 64 lower-case hex characters, or `sha512:` and 128. */
export type Digest = string & { readonly [brand]: "Digest" };

export type DigestAlgorithm = "sha256" | "sha512";

/** Hashes bytes incrementally. `digest()` ends the hash and may be called once. */
export interface Digester {
  update(bytes: Uint8Array): void;
  digest(): Digest;
}

/** The grammar of a digest of a supported algorithm. */
export const digestGrammar = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;
const GRAMMAR = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):[a-zA-Z0-9=_-]+$/;
const HEX_LENGTH: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 };

/** Longer than each digest of a registered algorithm; limits the size of error details. */
const MAX_LENGTH = 512;

/** Whether the text is a digest of a supported algorithm. */
export function isDigest(text: string): text is Digest {
  return text.length <= MAX_LENGTH && digestGrammar.test(text);
}

/**
 * Parses a digest (image-spec descriptor.md, "Digests"). Throws DIGEST_INVALID; the message distinguishes invalid
 * grammar, an unsupported algorithm and invalid hex.
 */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  const detail = { digest: text.slice(0, MAX_LENGTH) };
  const algorithm = text.length <= MAX_LENGTH ? GRAMMAR.exec(text)?.[1] : undefined;
  if (algorithm === undefined) {
    throw new OciError("DIGEST_INVALID", "digest is not of the form algorithm:encoded", { detail });
  }
  const known = parseDigestAlgorithm(algorithm);
  throw new OciError(
    "DIGEST_INVALID",
    `a ${known} digest has exactly ${HEX_LENGTH[known]} lower-case hex characters`,
    { detail },
  );
}

/** Parses the name of a supported algorithm. Throws DIGEST_INVALID. */
export function parseDigestAlgorithm(text: string): DigestAlgorithm {
  if (text === "sha256" || text === "sha512") return text;
  throw new OciError("DIGEST_INVALID", "unsupported digest algorithm, use sha256 or sha512", {
    detail: { algorithm: text.slice(0, MAX_LENGTH) },
  });
}

/** The part before the colon. */
export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

/** The part after the colon: lower-case hex. */
export function encodedOf(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** The digest of these bytes. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  const digester = createDigester(algorithm);
  digester.update(bytes);
  return digester.digest();
}

/** Creates a digester, which hashes bytes incrementally. */
export function createDigester(algorithm: DigestAlgorithm): Digester {
  const hash = createHash(algorithm);
  return {
    update(bytes) {
      hash.update(bytes);
    },
    digest() {
      return `${algorithm}:${hash.digest("hex")}` as Digest;
    },
  };
}

const EMPTY_SHA256 = digestOf(new Uint8Array(), "sha256");
const EMPTY_SHA512 = digestOf(new Uint8Array(), "sha512");

/** Whether this is the digest of zero bytes. */
export function isEmptyDigest(digest: Digest): boolean {
  return digest === EMPTY_SHA256 || digest === EMPTY_SHA512;
}
