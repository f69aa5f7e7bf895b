import { LRUCache } from "lru-cache";

const lifetimeMs = 5 * 60_000;
/** Signed URLs of names that Berth makes, about 1 KB each; the least recently used go first. */
const urlsAtMost = 1_000;

/**
 * Signed URLs for reading, each used again for half of its life: to sign one costs more than to read a small blob, and
 * what a name stands for never changes. A link that S3 does not take (any more) is no harm: the SDK then asks itself.
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
