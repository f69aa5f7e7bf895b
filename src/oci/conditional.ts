import type { Digest } from "./digest.ts";

// An entity tag, strong or weak, or a value whose quotes were forgotten.
const ENTITY_TAG = /(?:W\/)?(?:"([^"]*)"|([^\s,"]+))/g;

/**
 * Whether `If-None-Match` names this content, so that the answer is 304 (RFC 9110, section 13.1.2).
 * The entity tag is the digest: `"sha256:…"`, `W/"sha256:…"`, bare, in a list, or `*`.
 */
export function matchesIfNoneMatch(header: string | undefined, digest: Digest): boolean {
  if (header === undefined) return false;
  if (header.trim() === "*") return true;
  for (const [, quoted, bare] of header.matchAll(ENTITY_TAG)) {
    if ((quoted ?? bare) === digest) return true;
  }
  return false;
}
