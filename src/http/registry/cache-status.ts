import type { CacheStatus } from "../../mirror/repository.ts";

/**
 * `Cache-Status` of a mirror's response (RFC 9211), and a `Warning` if the upstream could not confirm a stale copy.
 * Clients print warnings only in exactly this form (distribution-spec, "Warnings").
 */
export function cacheHeaders(status: CacheStatus): Record<string, string> {
  switch (status.kind) {
    case "hit": {
      const ttl = status.ttlSeconds === undefined ? "" : `; ttl=${status.ttlSeconds}`;
      return { "Cache-Status": `Berth; hit${ttl}` };
    }
    case "miss":
      return {
        "Cache-Status": `Berth; fwd=miss; ${status.collapsed === true ? "collapsed" : "stored"}`,
      };
    case "stale":
      return {
        "Cache-Status": `Berth; hit; ttl=${-Math.max(1, status.ageSeconds)}; detail=${status.reason}`,
        Warning: '299 - "upstream unreachable, cached copy"',
      };
  }
}
