import { setTimeout as pause } from "node:timers/promises";
import { failureOf, type S3Failure } from "./failure.ts";

export interface RetryPolicy {
  /** A request is aborted and retried when its connection transfers no byte for this long. */
  readonly idleMs: number;
  /** The longest wait before the first retry. It doubles with each retry; the actual wait is a random part of it. */
  readonly retryMs: number;
  readonly attempts: number;
}

export const defaultRetryPolicy: RetryPolicy = { idleMs: 30_000, retryMs: 100, attempts: 6 };

const longestPauseMs = 10_000;

/** Error codes with status 400 for which a retry may succeed. */
const passing = new Set(["S3_RequestTimeout", "S3_RequestTimeTooSkewed", "S3_BadDigest"]);

/**
 * Sends a request and retries it while S3 is busy, fails or is unreachable, at most `attempts` times. Throws {@link
 * S3Failure}. Every request of this driver may be sent twice. The caller of a retried completion must check its result.
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
  // There is no response: retry connection errors, but not programming errors or missing credentials.
  if (status === undefined)
    return code === "S3_TimeoutError" || (cause instanceof Error && "code" in cause);
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 507);
}
