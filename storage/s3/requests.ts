import { setTimeout as pause } from "node:timers/promises";

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
const retriedCodes = new Set(["S3_RequestTimeout", "S3_RequestTimeTooSkewed", "S3_BadDigest"]);

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
      if (attempt >= attempts || !mayBeRetried(failure)) throw failure;
      const longest = Math.min(longestPauseMs, retryMs * 2 ** (attempt - 1));
      await pause(Math.random() * longest);
    }
  }
}

function mayBeRetried({ status, code, cause }: S3Failure): boolean {
  if (retriedCodes.has(code)) return true;
  // There is no response: retry connection errors, but not programming errors or missing credentials.
  if (status === undefined)
    return code === "S3_TimeoutError" || (cause instanceof Error && "code" in cause);
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 507);
}

/** A request that S3 rejected, or that failed after all retries. `code` is `S3_` and the error name of S3. */
export class S3Failure extends Error {
  override readonly name = "S3Failure";
  readonly code: string;
  /** The status of the last response; `undefined` if there was none. */
  readonly status: number | undefined;

  constructor(
    what: string,
    name: string,
    message: string,
    { status, cause }: { readonly status?: number | undefined; readonly cause?: unknown } = {},
  ) {
    super(`${what}: ${name}${status === undefined ? "" : ` (${status})`}: ${message}`, { cause });
    this.code = `S3_${name}`;
    this.status = status;
  }
}

/** Converts an error of the SDK into an error of this driver. */
export function failureOf(what: string, error: unknown): S3Failure {
  if (!(error instanceof Error)) return new S3Failure(what, "Unknown", String(error));
  const { $metadata: metadata } = error as { readonly $metadata?: { httpStatusCode?: number } };
  const { code } = error as { readonly code?: unknown };
  const name = error.name === "Error" && typeof code === "string" ? code : error.name;
  return new S3Failure(what, name, error.message, {
    status: metadata?.httpStatusCode,
    cause: error,
  });
}

/** Returns `undefined` if S3 reports a missing object or multipart upload, and throws every other error. */
export function undefinedIfNotFound(error: unknown): undefined {
  if (error instanceof S3Failure && error.status === 404 && error.code !== "S3_NoSuchBucket")
    return undefined;
  throw error;
}
