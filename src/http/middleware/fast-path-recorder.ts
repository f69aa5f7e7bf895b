import type { IncomingMessage } from "node:http";
import type { Grant } from "../../auth/principal.ts";
import type { RequestLog } from "../../observability/request-log.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { ClientInfo } from "./client-info.ts";
import { requestIdHeader } from "./request-ids.ts";
import { credentialOf } from "./request-log.ts";
import type { RequestMetrics } from "./request-metrics.ts";
import type { TokenLabels } from "./token-labels.ts";

/* Counts and logs the requests that the fast path answers. Without a line in the log it creates no object per request. */

export interface RecorderParts {
  readonly clientInfo: ClientInfo;
  readonly requestMetrics: RequestMetrics;
  readonly requestLog: RequestLog;
  readonly tokenLabels: TokenLabels;
  readonly newRequestId: (request: IncomingMessage) => string;
}

/** Whether the log can name the access token of the client now. */
export function hasKnownLabel(
  { principal }: Grant,
  { requestLog, tokenLabels }: Pick<RecorderParts, "requestLog" | "tokenLabels">,
): boolean {
  if (principal.kind === "anonymous" || principal.accessToken === undefined) return true;
  return !requestLog.logsSuccess || tokenLabels.getCached(principal.accessToken) !== undefined;
}

interface FastAnswer {
  readonly requestId: string;
  readonly durationMs: number;
  /** Of the body of a GET. */
  readonly sentBytes: number;
  readonly repository?: RepositoryName;
}

/** Counts answers and writes their lines, as the Koa pipeline does for other requests. */
export function createRecorder(
  { requestMetrics, requestLog, tokenLabels, clientInfo, newRequestId }: RecorderParts,
  route: string,
) {
  const metrics = requestMetrics.of(route);
  return {
    /** `undefined`: the log has no line of this request. An id takes 1 µs with its header. */
    idOf: (request: IncomingMessage): string | undefined =>
      requestLog.logsSuccess ? newRequestId(request) : undefined,

    /** Counts an answer with 200. Returns the duration in milliseconds. */
    count: (request: IncomingMessage, beganAtMs: number): number =>
      metrics.count(request.method ?? "", 200, beganAtMs),

    write(request: IncomingMessage, { principal }: Grant, answer: FastAnswer): void {
      const { account, token } = credentialOf(principal);
      const method = request.method ?? "";
      requestLog.writePulled({
        requestId: answer.requestId,
        method,
        path: request.url ?? "",
        status: 200,
        repository: answer.repository,
        account,
        token: token && tokenLabels.getCached(token),
        receivedBytes: 0,
        sentBytes: method === "HEAD" ? 0 : answer.sentBytes,
        durationMs: answer.durationMs,
        peer: clientInfo.peerOf(request),
        agent: request.headers["user-agent"],
      });
    },
  };
}

type Headers = Record<string, string | number>;

/** Adds the id to headers that were made for this answer. */
export function withRequestId(headers: Headers, requestId: string | undefined): Headers {
  if (requestId !== undefined) headers[requestIdHeader] = requestId;
  return headers;
}
