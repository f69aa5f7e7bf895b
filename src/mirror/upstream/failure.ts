import { OciError } from "../../oci/errors.ts";

/**
 * What went wrong at the upstream.
 * - `absent`: it says that there is no such thing
 * - `refused`: we may not see it, or it is not there: registries say the same of both
 * - `limited`: too many requests
 * - `rejected`: another 4xx: it does not like this request, and works
 * - `serverError`: a 5xx, or an answer that makes no sense
 * - `badResponse`: bytes that are not those of the digest
 * - `connectionFailed`, `timeout`: no connection, or nothing on it for too long
 * - `circuitOpen`: not asked, since it has failed too often just now
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

/** `detail` of the Cache-Status header: part of the answers to clients, so the values do not follow the names. */
export const cacheStatusDetails: Readonly<Record<UpstreamErrorKind, string>> = {
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
 * Whether the upstream itself does not work, and not only this request. A 4xx is an answer: a client could provoke any
 * number of them, and must not be able to cut the others off.
 */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof UpstreamFailure)) return false;
  const { kind, status = 0 } = error;
  const isAnswer = status >= 400 && status < 500;
  return !isAnswer && (kind === "serverError" || kind === "connectionFailed" || kind === "timeout");
}

const longestReason = 300;

/**
 * Why something at an upstream failed, in one line for operators: with what the system says of it (address, DNS,
 * certificate, connection). Never for clients, who need not know about our network.
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

/** The upstream has answered, and what was asked for is not there for us. */
export function saysAbsent(error: unknown): boolean {
  return error instanceof UpstreamFailure && (error.kind === "absent" || error.kind === "refused");
}

/** Clients wait so long at most, whatever they are told. */
const longestWaitSeconds = 60;

/** What a client is told. `absent` is the answer where the upstream has said that there is no such thing, and only there. */
export function clientError(error: unknown, absent: OciError): unknown {
  if (!(error instanceof UpstreamFailure)) return error;
  const { kind, message } = error;
  const wait = String(Math.max(1, Math.min(error.retryAfterSeconds ?? 30, longestWaitSeconds)));
  const headers = { "Retry-After": wait };
  switch (kind) {
    case "absent":
    case "refused":
      return absent;
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
