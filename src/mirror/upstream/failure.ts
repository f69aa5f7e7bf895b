import { OciError } from "../../oci/errors.ts";

/**
 * Kinds of upstream failures.
 * - `absent`: 404
 * - `refused`: 401 or 403: no access or no such content; registries give the same answer for both
 * - `limited`: 429, or the mirror still waits after a 429
 * - `rejected`: another 4xx: the upstream works, but rejects this request
 * - `serverError`: a 5xx, or an invalid response
 * - `badResponse`: the bytes do not match the digest or the size
 * - `connectionFailed`, `timeout`: no connection, or no bytes for too long
 * - `circuitOpen`: no request was sent, because the circuit breaker is open
 */
export type UpstreamErrorKind =
  | "absent"
  | "refused"
  | "limited"
  | "rejected"
  | "serverError"
  | "badResponse"
  | "connectionFailed"
  | "timeout"
  | "circuitOpen";

/**
 * `detail` of the Cache-Status header. Clients see these values, so they did not change with the names of the kinds.
 */
const cacheStatusDetails: Readonly<Record<UpstreamErrorKind, string>> = {
  absent: "absent",
  refused: "refused",
  limited: "limited",
  rejected: "rejected",
  serverError: "broken",
  badResponse: "wrong",
  connectionFailed: "unreachable",
  timeout: "slow",
  circuitOpen: "resting",
};

export class UpstreamFailure extends Error {
  override readonly name = "UpstreamFailure";
  readonly kind: UpstreamErrorKind;
  readonly status: number | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    kind: UpstreamErrorKind,
    message: string,
    options: {
      readonly status?: number | undefined;
      readonly retryAfterSeconds?: number | undefined;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.kind = kind;
    this.status = options.status;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/**
 * Whether the upstream itself fails, and not only this request. A 4xx is not an outage: a client can cause any number
 * of them, and must not open the circuit breaker for other clients.
 */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof UpstreamFailure)) return false;
  const { kind, status = 0 } = error;
  const isAnswer = status >= 400 && status < 500;
  return !isAnswer && (kind === "serverError" || kind === "connectionFailed" || kind === "timeout");
}

const slowCodes = new Set([
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "ETIMEDOUT",
]);

/** Converts a connection error into an {@link UpstreamFailure} (`timeout` or `connectionFailed`). */
export function connectionFailure(error: unknown, host: string): unknown {
  if (!(error instanceof Error) || error instanceof UpstreamFailure) return error;
  const code = "code" in error ? String(error.code) : "";
  if (slowCodes.has(code))
    return new UpstreamFailure("timeout", `${host} does not answer`, { cause: error });
  return new UpstreamFailure("connectionFailed", `${host} cannot be reached`, { cause: error });
}

const longestReason = 300;

/**
 * Describes an upstream error for operators: one line of at most 300 characters with up to 4 causes (address, DNS,
 * certificate, connection). Do not send it to clients: it reveals the internal network.
 */
export function describeUpstreamError(error: unknown): string {
  const reasons: string[] = [];
  for (let at: unknown = error; at instanceof Error && reasons.length < 4; at = at.cause) {
    const code = "code" in at && typeof at.code === "string" ? at.code : at.name;
    const reason = at.message === "" ? code : at.message;
    if (!reasons.includes(reason)) reasons.push(reason);
  }
  const text = reasons.length === 0 ? String(error) : reasons.join(": ");
  return text.replaceAll(/\s+/g, " ").slice(0, longestReason);
}

/** Whether the upstream answered that the content does not exist or is not accessible. */
export function saysAbsent(error: unknown): boolean {
  return error instanceof UpstreamFailure && (error.kind === "absent" || error.kind === "refused");
}

/** The `detail` of the Cache-Status header of a stale response: why the upstream could not confirm the cached one. */
export function staleDetail(error: unknown): string {
  const failure = error instanceof UpstreamFailure ? error : undefined;
  return failure?.status === undefined
    ? cacheStatusDetails[failure?.kind ?? "timeout"]
    : `status-${failure.status}`;
}

/** The largest `Retry-After` for clients, even if the upstream asks for a longer wait. */
const longestWaitSeconds = 60;

/**
 * Converts an {@link UpstreamFailure} into the error for the client, and returns other errors unchanged. Returns
 * `absent` only for the kinds `absent` and `refused`: an outage must not look like missing content.
 */
export function clientError(error: unknown, absent: () => OciError): unknown {
  if (!(error instanceof UpstreamFailure)) return error;
  const { kind, message } = error;
  const wait = String(Math.max(1, Math.min(error.retryAfterSeconds ?? 30, longestWaitSeconds)));
  const headers = { "Retry-After": wait };
  switch (kind) {
    case "absent":
    case "refused":
      return absent();
    case "limited":
      return new OciError("TOOMANYREQUESTS", message, { headers, cause: error });
    case "timeout":
      return new OciError("UNAVAILABLE", message, { status: 504, cause: error });
    case "circuitOpen":
      return new OciError("UNAVAILABLE", message, { headers, cause: error });
    case "rejected":
    case "serverError":
    case "badResponse":
    case "connectionFailed":
      return new OciError("UNAVAILABLE", message, { status: 502, cause: error });
  }
}
