import { setTimeout as pause } from "node:timers/promises";
import { failureOf, type S3Failure } from "./failure.ts";

export interface RetryPolicy {
  /** A request on whose connection nothing moves for this long is given up, and tried again. */
  readonly idleMs: number;
  /** The wait before the first retry, at most; it doubles each time, and a random part of it is waited. */
  readonly retryMs: number;
  readonly attempts: number;
}

export const defaultRetryPolicy: RetryPolicy = { idleMs: 30_000, retryMs: 100, attempts: 6 };

const longestPauseMs = 10_000;

/** Errors that S3 answers with a status of 400 and that the next attempt may not meet. */
const passing = new Set(["S3_RequestTimeout", "S3_RequestTimeTooSkewed", "S3_BadDigest"]);

/**
 * Does a request, and again while S3 is busy, fails, or can't be reached. Throws {@link S3Failure}. Every request of
 * this driver may be sent twice; what a retried completion means is for its caller to find out.
 */
export async function withRetry<T>(
  { retryMs, attempts }: RetryPolicy,
  what: string,
  request: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await request();
    } catch (error) {
      const failure = failureOf(what, error);
      if (attempt >= attempts || !mayPass(failure)) throw failure;
      const longest = Math.min(longestPauseMs, retryMs * 2 ** (attempt - 1));
      await pause(Math.random() * longest);
    }
  }
}

function mayPass({ status, code, cause }: S3Failure): boolean {
  if (passing.has(code)) return true;
  // Without an answer: the connection failed, unless it is our own mistake or there are no credentials.
  if (status === undefined)
    return code === "S3_TimeoutError" || (cause instanceof Error && "code" in cause);
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 507);
}
