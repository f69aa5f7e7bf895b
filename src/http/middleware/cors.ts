import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";

/*
 * Cross-origin requests (CORS) of the pages of named origins, for the distribution API and the token endpoint. They are
 * never sent with cookies: no answer has Access-Control-Allow-Credentials.
 */

export interface Cors {
  /** Whether the page that sends the request may use the distribution API. */
  readonly allows: (request: IncomingMessage) => boolean;
  /** Adds the headers of CORS, and answers preflight requests. */
  readonly wrap: (listener: RequestListener) => RequestListener;
}

const methods = "GET, HEAD, POST, PUT, PATCH, DELETE";
const requestHeaders = "Authorization, Accept, Content-Type, Content-Range, Range, If-None-Match";
const exposedHeaders = [
  ...["Docker-Content-Digest", "Docker-Distribution-Api-Version", "Docker-Upload-UUID"],
  ...["Content-Length", "Content-Range", "ETag", "Link", "Location", "OCI-Filters-Applied"],
  ...["OCI-Subject", "Range", "Retry-After", "WWW-Authenticate"],
].join(", ");
/** A browser asks again after this time. */
const preflightSeconds = "600";

/**
 * @param origins such as `https://ui.example.com`; an empty list: no header, and no cost
 * @param isHubPath whether a path below `/v2/` is one of the Hub-shaped API, which is not included
 */
export function createCors(origins: readonly string[], isHubPath: (path: string) => boolean): Cors {
  const known = new Set(origins);
  const isIncluded = ({ url = "" }: IncomingMessage): boolean => {
    const [path = ""] = url.split("?", 1);
    if (path === "/token" || path === "/v2") return true;
    return path.startsWith("/v2/") && !isHubPath(path);
  };
  const allows = (request: IncomingMessage): boolean => {
    const { origin } = request.headers;
    return origin !== undefined && known.has(origin) && isIncluded(request);
  };
  if (known.size === 0) return { allows: () => false, wrap: (listener) => listener };
  return {
    allows,
    wrap: (listener) => (request, response) => {
      // A cache must not give the answer for one origin to another.
      if (isIncluded(request)) response.setHeader("Vary", "Origin");
      if (!allows(request)) return listener(request, response);
      response.setHeader("Access-Control-Allow-Origin", request.headers.origin ?? "");
      response.setHeader("Access-Control-Expose-Headers", exposedHeaders);
      const isPreflight = request.headers["access-control-request-method"] !== undefined;
      if (request.method !== "OPTIONS" || !isPreflight) return listener(request, response);
      answerPreflight(request, response);
    },
  };
}

function answerPreflight(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("Access-Control-Allow-Methods", methods);
  response.setHeader("Access-Control-Allow-Headers", requestHeaders);
  response.setHeader("Access-Control-Max-Age", preflightSeconds);
  // Chromium asks before a page of a public address calls a private one.
  if (request.headers["access-control-request-private-network"] === "true")
    response.setHeader("Access-Control-Allow-Private-Network", "true");
  response.writeHead(204).end();
}
