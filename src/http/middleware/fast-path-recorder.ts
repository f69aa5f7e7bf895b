import type { IncomingMessage, ServerResponse } from "node:http";
import type { Grant } from "../../auth/principal.ts";
import type { RequestLog } from "../../observability/request-log.ts";
import { renderErrors, type OciError } from "../../oci/errors.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { versionHeader } from "../errors.ts";
import type { ClientInfo } from "./client-info.ts";
import { nosniff } from "./csrf.ts";
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

/** A request that the fast path may answer. */
export interface FastExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly grant: Grant;
  /** Of `performance.now()`. */
  readonly beganAtMs: number;
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
  /** `undefined`: the log has no line of the request. */
  readonly requestId: string | undefined;
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

    /** Records an answer with 200. */
    record(
      { request, grant: { principal }, beganAtMs }: Omit<FastExchange, "response">,
      { requestId, sentBytes, repository }: FastAnswer,
    ): void {
      const method = request.method ?? "";
      const durationMs = metrics.count(method, 200, beganAtMs);
      if (requestId === undefined) return;
      const { account, token } = credentialOf(principal);
      requestLog.writePulled({
        requestId,
        method,
        path: request.url ?? "",
        status: 200,
        repository,
        account,
        token: token && tokenLabels.getCached(token),
        receivedBytes: 0,
        sentBytes: method === "HEAD" ? 0 : sentBytes,
        durationMs,
        peer: clientInfo.peerOf(request),
        agent: request.headers["user-agent"],
      });
    },

    /** Answers with an error, as `http/errors.ts` renders it. False: the log has a line of it, which the Koa pipeline writes. */
    refuse({ request, response, beganAtMs }: FastExchange, error: OciError): boolean {
      if (requestLog.logsSuccess) return false;
      const body = JSON.stringify(renderErrors(error));
      response.writeHead(error.status, {
        [nosniff]: "nosniff",
        [versionHeader]: "registry/2.0",
        [requestIdHeader]: newRequestId(request),
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": Buffer.byteLength(body),
      });
      response.end(request.method === "HEAD" ? undefined : body);
      metrics.count(request.method ?? "", error.status, beganAtMs);
      return true;
    },
  };
}

type Headers = Record<string, string | number>;

/** Adds the id to headers that were made for this answer. */
export function withRequestId(headers: Headers, requestId: string | undefined): Headers {
  if (requestId !== undefined) headers[requestIdHeader] = requestId;
  return headers;
}
