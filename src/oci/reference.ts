import { algorithmOf, encodedOf, parseDigest } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { OciError } from "./errors.ts";

declare const brand: unique symbol;

/** 1 to 128 characters of `[a-zA-Z0-9._-]`, the first neither a dot nor a dash. */
export type Tag = string & { readonly [brand]: "Tag" };

/** The reference after `/manifests/` in a path. */
export type Reference =
  | { readonly kind: "tag"; readonly tag: Tag }
  | { readonly kind: "digest"; readonly digest: Digest };

const MAX_LENGTH = 128;
/** The grammar of a tag. */
export const tagGrammar = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** Parses a tag (distribution-spec, "Pulling manifests"). Throws TAG_INVALID. */
export function parseTag(text: string): Tag {
  if (text.length <= MAX_LENGTH && tagGrammar.test(text)) return text as Tag;
  throw new OciError(
    "TAG_INVALID",
    `invalid tag: up to ${MAX_LENGTH} letters, digits, dots, dashes and underscores, not starting with a dot or dash`,
    { detail: { tag: text.slice(0, MAX_LENGTH) } },
  );
}

/** Parses a reference: a text with a colon as a digest (throws DIGEST_INVALID), else as a tag (throws TAG_INVALID). */
export function parseReference(text: string): Reference {
  if (text.includes(":")) return { kind: "digest", digest: parseDigest(text) };
  return { kind: "tag", tag: parseTag(text) };
}

/**
 * The tag under which clients of a registry without the referrers API list the referrers of a digest
 * (distribution-spec, "Referrers Tag Schema"): algorithm cut to 32, encoded part cut to 64 characters.
 */
export function fallbackTagOf(digest: Digest): Tag {
  const text = `${algorithmOf(digest).slice(0, 32)}-${encodedOf(digest).slice(0, 64)}`;
  return parseTag(text.replaceAll(/[^a-zA-Z0-9._-]/g, "-"));
}
