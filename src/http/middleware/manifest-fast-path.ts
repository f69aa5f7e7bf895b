import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Policy } from "../../auth/policy.ts";
import type { PullCounters } from "../../catalog/pull-counter-buffer.ts";
import type { Logger } from "../../observability/logger.ts";
import type { Mirrors } from "../../mirror/mirrors.ts";
import { OciError } from "../../oci/errors.ts";
import { parseRepositoryName, type RepositoryName } from "../../oci/name.ts";
import { parseReference, type Reference } from "../../oci/reference.ts";
import type { Manifests } from "../../registry/manifests.ts";
import type { RequestAuthenticator } from "./authenticate.ts";
import { nosniff } from "./csrf.ts";
import { versionHeader } from "../errors.ts";
import { manifestHeaders } from "../registry/manifests.ts";

const pull = { kind: "repository", actions: ["pull"] } as const;
const push = { kind: "repository", actions: ["push"] } as const;
const separator = "/manifests/";

/**
 * Answers reads of manifests in front of Koa, whose layers cost several times the work. Parser, policy and presenter are
 * those of the Koa pipeline; whatever is unusual (a query, an escape, a condition, anything that is not there or not
 * allowed, a token that has not been seen before) goes there untouched, so that no rule is written twice.
 */
export function withManifestFastPath(
  koaPipeline: RequestListener,
  parts: {
    readonly manifests: Manifests;
    readonly requestAuthenticator: RequestAuthenticator;
    readonly policy: Policy;
    readonly pullCounters: PullCounters;
    readonly mirrors: Pick<Mirrors, "byName"> | undefined;
    readonly logger: Logger;
    readonly isKnownHost: (request: IncomingMessage) => boolean;
  },
): RequestListener {
  const { manifests, requestAuthenticator, policy, pullCounters, mirrors, logger, isKnownHost } =
    parts;
  // Requests that went well are logged at this level, and the log is written in the Koa pipeline.
  if (logger.isLevelEnabled("debug")) return koaPipeline;

  const answered = (request: IncomingMessage, response: ServerResponse): boolean => {
    const { method, headers } = request;
    if ((method !== "GET" && method !== "HEAD") || headers["if-none-match"] !== undefined)
      return false;
    const asked = parseManifestUrl(request.url ?? "");
    if (asked === undefined) return false;
    const { repository, reference, name } = asked;
    // What is mirrored may have to be asked for.
    if (mirrors?.byName(repository, name) !== undefined) return false;
    const grant = isKnownHost(request) ? requestAuthenticator.getCached(request) : undefined;
    if (grant === undefined || !policy.allows({ grant, permission: pull, repository }))
      return false;
    const found = manifests.getCached(repository, reference);
    if (found === undefined) return false;
    const asksForLease =
      method === "HEAD" && policy.allows({ grant, permission: push, repository });
    if (asksForLease && !manifests.hasFreshLease(found)) return false;

    response.writeHead(200, {
      [nosniff]: "nosniff",
      [versionHeader]: "registry/2.0",
      ...manifestHeaders(found),
      "Content-Length": found.content.length,
    });
    response.end(method === "HEAD" ? undefined : found.content);
    if (method === "GET") pullCounters.record(repository, reference);
    return true;
  };

  return (request, response) => {
    let isAnswered = false;
    try {
      isAnswered = answered(request, response);
    } catch (error) {
      // A database that fails has an answer of its own in the Koa pipeline.
      logger.debug({ err: error }, "the manifest fast path failed");
    }
    if (!isAnswered) koaPipeline(request, response);
  };
}

/** The manifest that a path names, if it does so plainly. */
function parseManifestUrl(
  url: string,
):
  | { readonly repository: RepositoryName; readonly reference: Reference; readonly name: string }
  | undefined {
  if (!url.startsWith("/v2/") || /[?%#]/.test(url)) return undefined;
  const at = url.lastIndexOf(separator);
  if (at < 0 || url.includes("/", at + separator.length)) return undefined;
  const name = url.slice("/v2/".length, at);
  try {
    return {
      name,
      repository: parseRepositoryName(name),
      reference: parseReference(url.slice(at + separator.length)),
    };
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}
