/** What an upstream still lets us ask of manifests, as its `ratelimit-*` headers and its 429s say. */
export interface UpstreamRateLimit {
  read(headers: Readonly<Record<string, string | string[] | undefined>>): void;
  /** It has said 429, and when to come back. */
  limited(retryAfterSeconds: number | undefined): void;
  /** Seconds until it wants to be asked again; 0: now. */
  waitSeconds(): number;
  /** Little is left: what is cached is good for longer. */
  isShort(): boolean;
  /** `undefined`: it has not said. */
  remaining(): number | undefined;
}

const defaultWaitSeconds = 5;
/** Longer than that, somebody would rather see whether it is true. */
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
      // `100;w=21600`: so many in so many seconds.
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

/** `Retry-After`: seconds, or a date. */
export function readRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - nowMs) / 1000));
}
