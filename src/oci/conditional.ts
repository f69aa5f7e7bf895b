import type { Digest } from "./digest.ts";

// A strong or weak entity tag, or a value without quotes.
const ENTITY_TAG = /(?:W\/)?(?:"([^"]*)"|([^\s,"]+))/g;

/**
 * Whether `If-None-Match` matches this content; then the response is 304 (RFC 9110, section 13.1.2).
 * The entity tag is the digest: `"sha256:…"`, `W/"sha256:…"`, without quotes, in a list, or `*`.
 */
export function matchesIfNoneMatch(header: string | undefined, digest: Digest): boolean {
  if (header === undefined) return false;
  if (header.trim() === "*") return true;
  for (const [, quoted, bare] of header.matchAll(ENTITY_TAG)) {
    if ((quoted ?? bare) === digest) return true;
  }
  return false;
}
