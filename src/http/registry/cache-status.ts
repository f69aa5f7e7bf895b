import type { CacheStatus } from "../../mirror/repository.ts";

/**
 * How a mirror came to its answer (RFC 9211), and a warning where the upstream could not be asked whether it is still
 * so: clients of the registry API print warnings of exactly this form (distribution-spec, "Warnings").
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
