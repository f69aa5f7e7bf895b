import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Grant } from "../../auth/principal.ts";
import type { Facts } from "../../database/facts.ts";
import type { Logger } from "../../observability/logger.ts";
import { parseDigest, type Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { parseRepositoryName, type RepositoryName } from "../../oci/name.ts";
import { parseReference, type Reference } from "../../oci/reference.ts";
import type { RequestAuthenticator } from "./authenticate.ts";
import { createBlobAnswer, type BlobAnswerParts } from "./blob-fast-path.ts";
import { nosniff } from "./csrf.ts";
import { versionHeader } from "../errors.ts";
import { createRecorder, hasKnownLabel, withRequestId } from "./fast-path-recorder.ts";
import { createManifestAnswer, type ManifestAnswerParts } from "./manifest-fast-path.ts";
import { versionCheck } from "../registry/routes.ts";

const versionHeaders = {
  [nosniff]: "nosniff",
  [versionHeader]: "registry/2.0",
  ...versionCheck.headers,
  "Content-Length": versionCheck.body.length,
};

export interface FastPathParts extends ManifestAnswerParts, BlobAnswerParts {
  readonly requestAuthenticator: RequestAuthenticator;
  readonly facts: Facts;
  readonly logger: Logger;
  readonly isKnownHost: (request: IncomingMessage) => boolean;
}

/** Whether a request is answered; known later if the facts come from another process. */
type Answered = boolean | Promise<boolean>;

/**
 * Answers GET and HEAD of manifests, of blobs and of `/v2/` without Koa, whose layers cost several times the work of the
 * response itself. It uses the parser, the policy, the headers and the errors of the Koa pipeline. All other requests pass
 * to the Koa pipeline unchanged, so that no rule exists twice: requests with a query, an escape, If-None-Match or a range;
 * for an unknown host; for a mirrored repository; for a blob whose bytes are not in memory; without permission; with a
 * token that this process has not verified yet, or whose label the log needs and this process has not read yet; and a
 * HEAD that must extend a lease.
 */
export function withFastPath(koaPipeline: RequestListener, parts: FastPathParts): RequestListener {
  const { requestAuthenticator, policy, facts, logger, isKnownHost } = parts;
  const grantOf = (request: IncomingMessage): Grant | undefined => {
    const grant = isKnownHost(request) ? requestAuthenticator.getCached(request) : undefined;
    return grant !== undefined && hasKnownLabel(grant, parts) ? grant : undefined;
  };

  const answerVersion = createVersionAnswer(parts, grantOf);
  const answerManifest = createManifestAnswer(parts);
  const answerBlob = createBlobAnswer(parts);
  const answerContent = (
    request: IncomingMessage,
    response: ServerResponse,
    beganAtMs: number,
  ): Answered => {
    const { "if-none-match": known, range } = request.headers;
    if (known !== undefined || range !== undefined) return false;
    const asked = parseUrl(request.url ?? "");
    if (asked === undefined) return false;
    const grant = grantOf(request);
    if (grant === undefined || !policy.covers(grant, asked.repository)) return false;
    const exchange = { request, response, grant, beganAtMs };
    if (asked.kind === "blob")
      return whenRead(facts.ofBlob(asked.repository, asked.digest), (read) =>
        answerBlob(exchange, asked.digest, read),
      );
    return whenRead(facts.ofManifest(asked.repository, asked.reference), (read) =>
      answerManifest(exchange, asked.reference, read),
    );
  };

  const failed = (error: unknown): boolean => {
    // The Koa pipeline renders the error of a failed database.
    logger.debug({ err: error }, "the fast path failed");
    return false;
  };

  return (request, response) => {
    const passUnanswered = (answered: boolean): void => {
      if (!answered) koaPipeline(request, response);
    };
    let isAnswered: Answered = false;
    try {
      const { method, url } = request;
      // The Koa pipeline measures all others itself.
      if (method === "GET" || method === "HEAD")
        isAnswered = (url === "/v2/" ? answerVersion : answerContent)(
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

const whenRead = <T>(read: T | Promise<T>, answer: (read: T) => boolean): Answered =>
  read instanceof Promise ? read.then(answer) : answer(read);

function createVersionAnswer(
  parts: FastPathParts,
  grantOf: (request: IncomingMessage) => Grant | undefined,
) {
  const { policy, clientInfo } = parts;
  const recorder = createRecorder(parts, "/v2/");
  return (request: IncomingMessage, response: ServerResponse, beganAtMs: number): boolean => {
    // The Koa pipeline warns of a proxy that is not trusted: this is the first request of its clients.
    if (clientInfo.isForwardedByUntrusted(request)) return false;
    const grant = grantOf(request);
    const { permission, body } = versionCheck;
    if (grant === undefined || !policy.allows({ grant, permission, repository: undefined }))
      return false;
    const requestId = recorder.idOf(request);
    const headers =
      requestId === undefined ? versionHeaders : withRequestId({ ...versionHeaders }, requestId);
    response.writeHead(200, headers);
    response.end(request.method === "HEAD" ? undefined : body);
    const sentBytes = body.length;
    recorder.record({ request, grant, beganAtMs }, { requestId, sentBytes });
    return true;
  };
}

type Asked =
  | {
      readonly kind: "manifest";
      readonly repository: RepositoryName;
      readonly reference: Reference;
    }
  | { readonly kind: "blob"; readonly repository: RepositoryName; readonly digest: Digest };

/** Parses the URL of a manifest or a blob: `undefined` for any other, and with a query, an escape or an invalid name. */
function parseUrl(url: string): Asked | undefined {
  if (!url.startsWith("/v2/") || /[?%#]/.test(url)) return undefined;
  const end = url.lastIndexOf("/");
  const last = url.slice(end + 1);
  try {
    if (url.endsWith("/manifests", end)) {
      const repository = parseRepositoryName(url.slice("/v2/".length, end - "/manifests".length));
      return { kind: "manifest", repository, reference: parseReference(last) };
    }
    if (url.endsWith("/blobs", end)) {
      const repository = parseRepositoryName(url.slice("/v2/".length, end - "/blobs".length));
      return { kind: "blob", repository, digest: parseDigest(last) };
    }
    return undefined;
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}
