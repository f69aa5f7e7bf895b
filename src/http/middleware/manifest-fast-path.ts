import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Policy } from "../../auth/policy.ts";
import type { PullCounters } from "../../catalog/pull-counters.ts";
import { nameOf, type Grant } from "../../auth/principal.ts";
import type { Facts, ManifestFacts } from "../../database/facts.ts";
import type { Logger } from "../../observability/logger.ts";
import type { LiveMirrors } from "../../mirror/live-mirrors.ts";
import type { PullEvents } from "../../events/pulls.ts";
import { OciError } from "../../oci/errors.ts";
import { parseRepositoryName, type RepositoryName } from "../../oci/name.ts";
import { parseReference, type Reference } from "../../oci/reference.ts";
import type { Manifests } from "../../registry/manifests.ts";
import type { RequestAuthenticator } from "./authenticate.ts";
import { nosniff } from "./csrf.ts";
import { versionHeader } from "../errors.ts";
import {
  createRecorder,
  hasKnownLabel,
  withRequestId,
  type RecorderParts,
} from "./fast-path-recorder.ts";
import { manifestHeaders, manifestPath } from "../registry/manifests.ts";
import { versionCheck } from "../registry/routes.ts";

const pull = { kind: "repository", actions: ["pull"] } as const;
const push = { kind: "repository", actions: ["push"] } as const;
const separator = "/manifests/";
const versionHeaders = {
  [nosniff]: "nosniff",
  [versionHeader]: "registry/2.0",
  ...versionCheck.headers,
  "Content-Length": versionCheck.body.length,
};

interface FastPathParts extends RecorderParts {
  readonly manifests: Manifests;
  readonly requestAuthenticator: RequestAuthenticator;
  readonly policy: Policy;
  readonly pullCounters: PullCounters;
  readonly pullEvents: PullEvents;
  readonly facts: Facts;
  readonly mirrors: Pick<LiveMirrors, "current">;
  readonly logger: Logger;
  readonly isKnownHost: (request: IncomingMessage) => boolean;
}

/**
 * Answers GET and HEAD of cached manifests and of `/v2/` without Koa, whose layers cost several times the work of the
 * response itself. It uses the parser, the policy and the headers of the Koa pipeline. All other requests pass to the
 * Koa pipeline unchanged, so that no rule exists twice: requests with a query, an escape or If-None-Match; for an unknown
 * host; for a mirrored or an uncached manifest; without permission; with a token that this process has not verified
 * yet, or whose label the log needs and this process has not read yet; and a HEAD that must extend a lease.
 */
export function withManifestFastPath(
  koaPipeline: RequestListener,
  parts: FastPathParts,
): RequestListener {
  const { requestAuthenticator, policy, facts, logger, isKnownHost, clientInfo } = parts;
  const grantOf = (request: IncomingMessage): Grant | undefined => {
    const grant = isKnownHost(request) ? requestAuthenticator.getCached(request) : undefined;
    return grant !== undefined && hasKnownLabel(grant, parts) ? grant : undefined;
  };

  const versionRecorder = createRecorder(parts, "/v2/");
  const answersVersion = (
    request: IncomingMessage,
    response: ServerResponse,
    beganAtMs: number,
  ): boolean => {
    // The Koa pipeline warns of a proxy that is not trusted: this is the first request of its clients.
    if (clientInfo.isForwardedByUntrusted(request)) return false;
    const grant = grantOf(request);
    const { permission, body } = versionCheck;
    if (grant === undefined || !policy.allows({ grant, permission, repository: undefined }))
      return false;
    const requestId = versionRecorder.idOf(request);
    const headers =
      requestId === undefined ? versionHeaders : withRequestId({ ...versionHeaders }, requestId);
    response.writeHead(200, headers);
    response.end(request.method === "HEAD" ? undefined : body);
    const durationMs = versionRecorder.count(request, beganAtMs);
    if (requestId !== undefined)
      versionRecorder.write(request, grant, { requestId, durationMs, sentBytes: body.length });
    return true;
  };

  const answerManifest = createManifestAnswer(parts);
  const answersManifest = (
    request: IncomingMessage,
    response: ServerResponse,
    beganAtMs: number,
  ): boolean | Promise<boolean> => {
    if (request.headers["if-none-match"] !== undefined) return false;
    const asked = parseManifestUrl(request.url ?? "");
    if (asked === undefined) return false;
    const grant = grantOf(request);
    if (grant === undefined || !policy.covers(grant, asked.repository)) return false;
    const { reference } = asked;
    const read = facts.ofManifest(asked.repository, reference);
    return read instanceof Promise
      ? read.then((found) =>
          answerManifest(request, response, { grant, reference, facts: found, beganAtMs }),
        )
      : answerManifest(request, response, { grant, reference, facts: read, beganAtMs });
  };

  const failed = (error: unknown): boolean => {
    // The Koa pipeline renders the error of a failed database.
    logger.debug({ err: error }, "the manifest fast path failed");
    return false;
  };

  return (request, response) => {
    const passUnanswered = (answered: boolean): void => {
      if (!answered) koaPipeline(request, response);
    };
    let isAnswered: boolean | Promise<boolean> = false;
    try {
      const { method, url } = request;
      // The Koa pipeline measures all others itself.
      if (method === "GET" || method === "HEAD")
        isAnswered = (url === "/v2/" ? answersVersion : answersManifest)(
          request,
          response,
          performance.now(),
        );
    } catch (error) {
      failed(error);
    }
    if (isAnswered instanceof Promise) void isAnswered.catch(failed).then(passUnanswered);
    else passUnanswered(isAnswered);
  };
}

interface AskedManifest {
  readonly grant: Grant;
  readonly reference: Reference;
  readonly facts: ManifestFacts;
  readonly beganAtMs: number;
}

/** Makes the function that answers a manifest, or returns false without an answer. */
function createManifestAnswer(parts: FastPathParts) {
  const { manifests, policy, pullCounters, pullEvents, mirrors, clientInfo } = parts;
  const recorder = createRecorder(parts, manifestPath);
  return (
    request: IncomingMessage,
    response: ServerResponse,
    { grant, reference, facts: { repository, manifest: found }, beganAtMs }: AskedManifest,
  ): boolean => {
    const { method } = request;
    // A mirrored manifest may need a request to the upstream.
    if (mirrors.current?.mayServe(repository)) return false;
    if (!policy.allows({ grant, permission: pull, repository })) return false;
    if (found === undefined) return false;
    const asksForLease =
      method === "HEAD" && policy.allows({ grant, permission: push, repository });
    if (asksForLease && !manifests.hasFreshLease(found)) return false;

    const requestId = recorder.idOf(request);
    const sentBytes = found.content.length;
    // Two spreads in one literal cost V8 15 µs a request here.
    const headers = {
      [nosniff]: "nosniff",
      [versionHeader]: "registry/2.0",
      ...manifestHeaders(found),
      "Content-Length": sentBytes,
    };
    response.writeHead(200, withRequestId(headers, requestId));
    response.end(method === "HEAD" ? undefined : found.content);
    const durationMs = recorder.count(request, beganAtMs);
    if (requestId !== undefined) {
      const answer = { requestId, durationMs, sentBytes, repository: repository.name };
      recorder.write(request, grant, answer);
    }
    if (method === "GET") pullCounters.record(repository, reference);
    if (method === "GET" && pullEvents.wants(repository.name))
      pullEvents.record({
        ...{ repository: repository.name, reference, digest: found.digest },
        ...{ actor: nameOf(grant), peer: clientInfo.peerOf(request) },
      });
    return true;
  };
}

/**
 * Parses the URL of a manifest. `undefined` for any other URL, and for one with a query, an escape or an invalid name.
 */
function parseManifestUrl(
  url: string,
): { readonly repository: RepositoryName; readonly reference: Reference } | undefined {
  if (!url.startsWith("/v2/") || /[?%#]/.test(url)) return undefined;
  const at = url.lastIndexOf(separator);
  if (at < 0 || url.includes("/", at + separator.length)) return undefined;
  try {
    return {
      repository: parseRepositoryName(url.slice("/v2/".length, at)),
      reference: parseReference(url.slice(at + separator.length)),
    };
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}
