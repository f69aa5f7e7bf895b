import { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { memoized } from "../concurrency/bounded-cache.ts";
import { endBeforeBody } from "../http/middleware/early-end.ts";

/*
 * Rejects requests before the application: they are not valid HTTP, or have no valid host. The response has the same
 * body as other errors of the registry, and the connection ends with it.
 */

/** The reason to reject a request (RFC 9112, 3.2: exactly one Host, and a valid target); `undefined`: accept it. */
export function rejectionOf(request: IncomingMessage): string | undefined {
  const hosts = countHosts(request.rawHeaders);
  if (hosts > 1) return "the request has more than one Host header";
  const host = request.headers.host;
  // HTTP/1.0 has no Host header.
  if (host === undefined)
    return request.httpVersion === "1.0" ? undefined : "the request has no Host header";
  if (!isHost(host)) return "the Host header is not a host name";
  if (request.url?.startsWith("/") !== true) return "the request target is not a path";
  return undefined;
}

/** Also rejects a port above 65,535 and four numbers that are no address: they are invalid in a URL. */
const isHost = memoized(
  (host) =>
    /^(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d{0,5})?$/i.test(host) && URL.canParse(`http://${host}`),
);

/** Counts in the raw list (name, value, name, …), because Node keeps only the first Host header. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === "host") count += 1;
  }
  return count;
}

/**
 * Converts a target in absolute form (`GET http://host/v2/ HTTP/1.1`) to origin form. Clients send the absolute form to
 * a proxy, and a server must accept it; its host replaces the Host header (RFC 9112, 3.2.2).
 */
export function takeAbsoluteForm(request: IncomingMessage): void {
  const [, host, rest = ""] = /^https?:\/\/([^/?#]*)([^#]*)/i.exec(request.url ?? "") ?? [];
  if (host === undefined) return;
  request.url = rest.startsWith("/") ? rest : `/${rest}`;
  if (request.headers.host !== undefined) request.headers.host = host;
}

/** Sends the error and ends the connection. */
export function reject(response: ServerResponse, reason: string, status = 400): void {
  const body = bodyOf(reason);
  response.writeHead(status, {
    "Content-Type": "application/json",
    "X-Content-Type-Options": "nosniff",
    "Content-Length": Buffer.byteLength(body),
    Connection: "close",
  });
  void endBeforeBody(response.req, response, body);
}

/**
 * Sends the error on a connection whose request is not parseable or did not arrive in time, and ends the connection.
 */
export function rejectRaw(error: NodeJS.ErrnoException, socket: Duplex): void {
  const [status, reason] = statuses[error.code ?? ""] ?? [400, "the request is not valid HTTP"];
  const body = bodyOf(reason);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n` +
      "Content-Type: application/json\r\n" +
      "X-Content-Type-Options: nosniff\r\n" +
      `Content-Length: ${Buffer.byteLength(body)}\r\n` +
      "Connection: close\r\n\r\n" +
      body,
    () => socket.destroy(),
  );
}

const statuses: Readonly<Record<string, readonly [number, string]>> = {
  HPE_HEADER_OVERFLOW: [431, "the header of the request is too long"],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, "the chunk extensions of the request are too long"],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "the header of the request did not arrive in time"],
};

function bodyOf(message: string): string {
  return JSON.stringify({ errors: [{ code: "UNKNOWN", message }] });
}
