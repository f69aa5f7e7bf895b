import type { Answer } from "./exchange.ts";
import type { FuzzRequest, Surface } from "./grammar.ts";

/**
 * Returns a message about the fault of an answer, or `undefined`. 503 (unavailable), 507 (disk full), 501 and 505 (not
 * supported) are allowed; any other 5xx is a fault.
 */
export function faultOf(request: FuzzRequest, answer: Answer | undefined): string | undefined {
  if (answer === undefined)
    return request.isWhole ? "the connection was closed without an answer" : undefined;
  const { status, headers, body } = answer;
  if (status >= 500 && ![501, 503, 505, 507].includes(status))
    return `it was answered by ${status}`;
  if (status < 400 || request.method === "HEAD") return undefined;
  const text = body.toString();
  if (!headers.get("content-type")?.startsWith("application/json"))
    return `${status} has the type ${headers.get("content-type")}: ${text.slice(0, 200)}`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return `${status} is no JSON: ${text.slice(0, 200)}`;
  }
  // A request that is rejected before routing gets the registry's error format, because the route is unknown.
  const isEarly = headers.get("connection") === "close" && [400, 408, 413, 431].includes(status);
  const surface = isEarly ? "any" : request.surface;
  return hasShape(parsed, surface)
    ? undefined
    : `${status} has not the error format of its surface (${surface}): ${text.slice(0, 200)}`;
}

function hasShape(value: unknown, surface: Surface): boolean {
  const body = value as Readonly<Record<string, unknown>> | null;
  if (typeof body !== "object" || body === null) return false;
  const isRegistry =
    Array.isArray(body["errors"]) &&
    body["errors"].length > 0 &&
    body["errors"].every(
      (error: Readonly<Record<string, unknown>>) =>
        typeof error["code"] === "string" &&
        /^[A-Z_]+$/.test(error["code"]) &&
        typeof error["message"] === "string",
    );
  const isHub =
    typeof body["message"] === "string" &&
    body["detail"] === body["message"] &&
    typeof body["errinfo"] === "object";
  if (surface === "hub") return isHub;
  if (surface === "registry") return isRegistry;
  if (surface === "token") return isRegistry && typeof body["error"] === "string";
  return isRegistry || isHub;
}
