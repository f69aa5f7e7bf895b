import type { Database } from "../../database/contract.ts";
import { gaugeNames, type Counters, type Gauges } from "../counters.ts";
import { isOutage, UpstreamFailure } from "./failure.ts";
import { headerOf, type UpstreamResponse } from "./responses.ts";
import { createUpstreamState, type MirrorLog } from "./state.ts";

/** Decides whether a request may go to the upstream now, from the results of earlier requests. */
export interface Availability {
  /**
   * Throws {@link UpstreamFailure}: `limited` for a manifest request while the upstream limits requests, `circuitOpen`
   * while the circuit breaker is open.
   */
  check(request: { readonly isManifest: boolean }): void;
  /** Reads the rate limit from a response of the upstream. */
  readRateLimit(response: Pick<UpstreamResponse, "headers">): void;
  /** Records a 429, and returns the failure of the request. */
  limited(response: Pick<UpstreamResponse, "headers">, host: string): UpstreamFailure;
  succeeded(): void;
  failed(error: unknown): void;
  /** At most 5 % of the rate limit remain (or 1 request). The mirror then uses cached responses for longer. */
  isRateLimitShort(): boolean;
  /** Writes the state of the upstream and its limit to the database, if they have changed. */
  flush(): Promise<void>;
}

export function createAvailability(parts: {
  readonly namespace: string;
  /** The upstream's host, for messages. */
  readonly host: string;
  readonly database: Pick<Database, "commands">;
  readonly clock: () => number;
  readonly counters: Counters;
  readonly log: MirrorLog;
}): Availability {
  const { namespace, host, database, clock, counters } = parts;
  const circuitBreaker = createCircuitBreaker(clock);
  const rateLimit = createUpstreamRateLimit(clock);
  const state = createUpstreamState(parts);
  let written: Gauges = {};
  let succeededAtMs = 0;

  return {
    check({ isManifest }) {
      const waitSeconds = rateLimit.waitSeconds();
      if (waitSeconds > 0 && isManifest) throw rateLimited(host, waitSeconds);
      const openMs = circuitBreaker.openForMs();
      if (openMs === 0) return;
      const retryAfterSeconds = Math.ceil(openMs / 1000);
      const message = `${host} has failed repeatedly: Berth tries again in ${retryAfterSeconds} s`;
      throw new UpstreamFailure("circuitOpen", message, { retryAfterSeconds });
    },
    readRateLimit: ({ headers }) => rateLimit.read(headers),
    limited(response, limitingHost) {
      counters.add("upstreamLimited");
      const retryAfterSeconds = readRetryAfter(headerOf(response, "retry-after"), clock());
      rateLimit.limited(retryAfterSeconds);
      return rateLimited(limitingHost, retryAfterSeconds, 429);
    },
    succeeded() {
      succeededAtMs = clock();
      circuitBreaker.succeeded();
      state.succeeded();
    },
    failed(error) {
      state.failed(error);
      if (isOutage(error)) {
        counters.add("upstreamFailures");
        circuitBreaker.failed();
      } else if (error instanceof UpstreamFailure) circuitBreaker.succeeded();
    },
    isRateLimitShort: () => rateLimit.isShort(),
    async flush() {
      await state.flush();
      const gauges: Gauges = {
        ...rateLimit.gauges(),
        ...(succeededAtMs > 0 && { lastSuccessAt: succeededAtMs }),
      };
      const before = written;
      written = { ...before, ...gauges };
      for (const name of gaugeNames) {
        const value = gauges[name];
        if (value === undefined || value === before[name]) continue;
        await database.commands.setMirrorGauge({ namespace, name, value });
      }
    },
  };
}

function rateLimited(host: string, retryAfterSeconds: number | undefined, status?: 429) {
  const message = `${host} limits the number of requests: try again later`;
  return new UpstreamFailure("limited", message, { status, retryAfterSeconds });
}

/**
 * Opens after 5 consecutive failures of an upstream: for 2 s, then twice as long after each further failure (at most
 * 60 s). After each interval, one request tests the upstream.
 */
interface CircuitBreaker {
  /** Milliseconds until the next test. 0: send the request (if the circuit was open, this request is the test). */
  openForMs(): number;
  succeeded(): void;
  failed(): void;
}

const failuresAtMost = 5;
const firstOpenMs = 2_000;
const longestOpenMs = 60_000;

function createCircuitBreaker(clock: () => number): CircuitBreaker {
  let failures = 0;
  let openUntilMs = 0;
  return {
    openForMs() {
      const openMs = openUntilMs - clock();
      if (failures < failuresAtMost || openMs > 0) return Math.max(0, openMs);
      // Other requests find the circuit open while this request tests the upstream.
      openUntilMs = clock() + firstOpenMs;
      return 0;
    },
    succeeded() {
      failures = 0;
      openUntilMs = 0;
    },
    failed() {
      failures += 1;
      if (failures < failuresAtMost) return;
      const openMs = firstOpenMs * 2 ** Math.min(10, failures - failuresAtMost);
      openUntilMs = clock() + Math.min(longestOpenMs, openMs);
    },
  };
}

/** The upstream's rate limit for manifest requests, from its `ratelimit-*` headers and 429 responses. */
interface UpstreamRateLimit {
  read(headers: Readonly<Record<string, string | string[] | undefined>>): void;
  /** Records a 429 with its `Retry-After`; without one, 5 s. At most 15 minutes count. */
  limited(retryAfterSeconds: number | undefined): void;
  /** Seconds until the next request is allowed; 0: now. */
  waitSeconds(): number;
  /** At most 5 % of the limit remain (or 1 request). The mirror then uses cached responses for longer. */
  isShort(): boolean;
  /** Empty, if the upstream sends no rate limit, or its window has ended. */
  gauges(): Gauges;
}

const defaultWaitSeconds = 5;
/** After 15 minutes the mirror tries again, even if the upstream asked for a longer wait. */
const longestWaitSeconds = 15 * 60;

function createUpstreamRateLimit(clock: () => number): UpstreamRateLimit {
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
    gauges() {
      const now = current();
      return {
        ...(now && {
          upstreamLimit: now.limit,
          upstreamRemaining: now.remaining,
          upstreamLimitEndsAt: now.untilMs,
        }),
        ...(limitedUntilMs > 0 && { upstreamLimitedUntil: limitedUntilMs }),
      };
    },
  };
}

/** Parses `Retry-After` (RFC 9110, 10.2.3: seconds or a date) into seconds. `undefined`: absent or invalid. */
function readRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - nowMs) / 1000));
}
