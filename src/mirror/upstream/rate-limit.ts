/** The upstream's rate limit for manifest requests, from its `ratelimit-*` headers and 429 responses. */
export interface UpstreamRateLimit {
  read(headers: Readonly<Record<string, string | string[] | undefined>>): void;
  /** Records a 429 with its `Retry-After`; without one, 5 s. At most 15 minutes count. */
  limited(retryAfterSeconds: number | undefined): void;
  /** Seconds until the next request is allowed; 0: now. */
  waitSeconds(): number;
  /** At most 5 % of the limit remain (or 1 request). The mirror then uses cached responses for longer. */
  isShort(): boolean;
  /** Remaining requests. `undefined`: the upstream sends no rate limit, or the window has ended. */
  remaining(): number | undefined;
}

const defaultWaitSeconds = 5;
/** After 15 minutes the mirror tries again, even if the upstream asked for a longer wait. */
const longestWaitSeconds = 15 * 60;

export function createUpstreamRateLimit(clock: () => number): UpstreamRateLimit {
  let known: { limit: number; remaining: number; untilMs: number } | undefined;
  let limitedUntilMs = 0;
  const current = (): typeof known => {
    if (known !== undefined && known.untilMs < clock()) known = undefined;
    return known;
  };

  return {
    read(headers) {
      // `100;w=21600`: 100 requests in 21,600 seconds.
      const [, remaining] = /^(\d+)/.exec(String(headers["ratelimit-remaining"] ?? "")) ?? [];
      if (remaining === undefined) return;
      const [, limit = remaining, window = "3600"] =
        /^(\d+)(?:.*;w=(\d+))?/.exec(String(headers["ratelimit-limit"] ?? "")) ?? [];
      known = {
        limit: Number(limit),
        remaining: Number(remaining),
        untilMs: clock() + Number(window) * 1000,
      };
    },
    limited(retryAfterSeconds = defaultWaitSeconds) {
      limitedUntilMs = clock() + Math.min(retryAfterSeconds, longestWaitSeconds) * 1000;
    },
    waitSeconds: () => Math.max(0, Math.ceil((limitedUntilMs - clock()) / 1000)),
    isShort() {
      const now = current();
      return now !== undefined && now.remaining <= Math.max(1, now.limit * 0.05);
    },
    remaining: () => current()?.remaining,
  };
}

/** Parses `Retry-After` (RFC 9110, 10.2.3: seconds or a date) into seconds. `undefined`: absent or invalid. */
export function readRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - nowMs) / 1000));
}
