import { LRUCache } from "lru-cache";

const lifetimeMs = 5 * 60_000;
/** The limit for cached URLs, about 1 KB each; the least recently used are dropped first. */
const urlsAtMost = 1_000;

/**
 * Caches signed URLs for reads. Each URL is valid for 5 minutes and reused for 2.5 minutes: signing costs more than the
 * read of a small blob, and the object of a name never changes. If S3 rejects the URL, the caller repeats the request
 * through the SDK.
 */
export function createSignedUrls(
  sign: (name: string, lifetimeMs: number) => Promise<string>,
): (name: string) => Promise<string> {
  const links = new LRUCache<
    string,
    { readonly url: Promise<string>; readonly freshUntilMs: number }
  >({ max: urlsAtMost });

  return (name) => {
    const nowMs = performance.now();
    const known = links.get(name);
    if (known !== undefined && known.freshUntilMs > nowMs) return known.url;
    const url = sign(name, lifetimeMs);
    url.catch(() => links.delete(name));
    links.set(name, { url, freshUntilMs: nowMs + lifetimeMs / 2 });
    return url;
  };
}
