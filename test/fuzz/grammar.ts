import fc, { type Arbitrary } from "fast-check";
import { isHubRoute, type Route } from "../../src/http/route.ts";
import { everyRoute, titleOf } from "../support/route-table.ts";
import { bodyFor, headerText, type Body } from "./bodies.ts";
import type { Message } from "./exchange.ts";
import { oddText, oneOf, valueFor, wellFormed, type Known } from "./values.ts";

/** The required error format; `any` if the request may not reach the route. */
export type Surface = "registry" | "hub" | "token" | "any";

export interface FuzzRequest extends Message {
  readonly method: string;
  readonly surface: Surface;
}

/** Percent-encodes all characters except those that encodeURIComponent keeps. */
const encode = (text: string): string => encodeURIComponent(wellFormed(text));

/** In read-only mode all changes would be 503. */
const fuzzed = everyRoute.filter((route) => titleOf(route) !== "put /api/berth/v1/admin/read-only");

function pathFor(route: Route, known: Known): Arbitrary<string> {
  const pieces = route.path.split(/([:*]\w+)/).map((piece): Arbitrary<string> => {
    if (!/^[:*]/.test(piece)) return fc.constant(piece);
    const value = valueFor(piece.startsWith("*") ? piece : piece.slice(1), known);
    return value.map((text) =>
      piece.startsWith("*") ? text.split("/").map(encode).join("/") : encode(text),
    );
  });
  return fc.tuple(...pieces).map((parts) => parts.join(""));
}

const queryNames = [
  ...["n", "last", "digest", "mount", "from", "page", "page_size", "ordering", "name", "ns", "tag"],
  ...[
    "scope",
    "service",
    "account",
    "artifactType",
    "digest-algorithm",
    "q",
    "query",
    "offline_token",
  ],
];

function queryFor(route: Route, known: Known): Arbitrary<string> {
  const own = Object.keys(route.query?.shape ?? {});
  const name = fc.oneof(
    { weight: 5, arbitrary: oneOf(own, "n") },
    { weight: 3, arbitrary: fc.constantFrom(...queryNames) },
    { weight: 1, arbitrary: oddText },
  );
  const pair = name.chain((key) =>
    valueFor(key, known).map((value) => `${encode(key)}=${encode(value)}`),
  );
  return fc
    .array(pair, { maxLength: 4 })
    .map((pairs) => pairs.map((one, at) => (at === 0 ? "?" : "&") + one).join(""));
}

const headerNames = [
  ...["Accept", "Range", "If-Range", "If-None-Match", "If-Match", "If-Modified-Since", "Origin"],
  ...["Content-Range", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"],
  ...["Sec-Fetch-Site", "Accept-Encoding", "Cookie", "User-Agent", "Referer", "X-Request-Id"],
  ...["OCI-Subject", "Docker-Content-Digest", "X-HTTP-Method-Override", "TE", "Authorization"],
];

const headerValues: Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    ...["*/*", "application/json", "application/vnd.oci.image.index.v1+json;q=0.5, */*;q=0"],
    ...[
      "bytes=0-0",
      "bytes=-1",
      "bytes=5-2",
      "bytes=0-99999999999999999999",
      "0-99",
      "99-0",
      "0-0",
    ],
    ...["https://evil.example", "null", "cross-site", "gzip, br", "10.0.0.1, ::1", '"x"', "W/*"],
    ...["Basic Og==", "Basic !!!", "Bearer a.b.c", "Bearer", "JWT x", "for=1;proto=https"],
  ),
  headerText,
);

function authorization(known: Known): Arbitrary<string[]> {
  return fc.oneof(
    {
      weight: 4,
      arbitrary: oneOf(known.credentials, "").map((line) => (line === "" ? [] : [line])),
    },
    { weight: 1, arbitrary: fc.constant<string[]>([]) },
  );
}

/** A request for a route: its path, with random query, headers, credential and body. */
export function requestFor(known: Known, port: number): Arbitrary<FuzzRequest> {
  return fc
    .constantFrom(...fuzzed)
    .chain((route) =>
      fc.record({
        route: fc.constant(route),
        method: fc.oneof(
          { weight: 8, arbitrary: fc.constant(route.method.toUpperCase()) },
          {
            weight: 1,
            arbitrary: fc.constantFrom(
              "GET",
              "HEAD",
              "POST",
              "PUT",
              "PATCH",
              "DELETE",
              "OPTIONS",
              "PROPFIND",
            ),
          },
        ),
        path: pathFor(route, known),
        query: queryFor(route, known),
        credential: authorization(known),
        headers: fc.array(fc.tuple(fc.constantFrom(...headerNames), headerValues), {
          maxLength: 2,
        }),
        body: bodyFor(route, known),
        /** Whether a request to an upload adds `digest=` with the digest of its body. */
        namesDigest: fc.boolean(),
        isChunked: fc.nat(7).map((drawn) => drawn === 0),
        isCut: fc.nat(40).map((drawn) => drawn === 0),
        host: fc.oneof(
          { weight: 30, arbitrary: fc.constant(`127.0.0.1:${port}`) },
          { weight: 1, arbitrary: headerText },
        ),
      }),
    )
    .map((drawn) => compose(drawn));
}

function compose(drawn: {
  readonly route: Route;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly credential: readonly string[];
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Body;
  readonly namesDigest: boolean;
  readonly isChunked: boolean;
  readonly isCut: boolean;
  readonly host: string;
}): FuzzRequest {
  const { method, path, query, body, isChunked, isCut } = drawn;
  const named = drawn.namesDigest && path.includes("/uploads/");
  const target = `${path}${query}${named ? `${query === "" ? "?" : "&"}digest=${body.digest}` : ""}`;
  const hasBody = body.bytes.length > 0 && method !== "GET" && method !== "HEAD";
  const lines = [
    `${method} ${target} HTTP/1.1`,
    `Host: ${drawn.host}`,
    "Connection: close",
    ...drawn.credential,
    ...drawn.headers.map(([name, value]) => `${name}: ${value}`),
    ...(body.type !== undefined && hasBody ? [`Content-Type: ${body.type}`] : []),
    ...(hasBody
      ? [isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${body.bytes.length}`]
      : []),
  ];
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  const chunk = [
    Buffer.from(`${body.bytes.length.toString(16)}\r\n`),
    body.bytes,
    Buffer.from("\r\n0\r\n\r\n"),
  ];
  const bytes = hasBody ? [head, ...(isChunked ? chunk : [body.bytes])] : [head];
  if (!isCut) return { method, bytes, isWhole: true, surface: surfaceOf(drawn.route, path) };
  const whole = Buffer.concat(bytes);
  return { method, bytes: [whole.subarray(0, whole.length >> 1)], isWhole: false, surface: "any" };
}

/** The error format is certain only for a path without empty or odd parts, which no other route matches. */
function surfaceOf(route: Route, path: string): Surface {
  if (!/^(?:\/[\w.:~%-]+)+\/?$/.test(path) || path.includes("%2F")) return "any";
  if (route.path === "/token") return "token";
  return isHubRoute(route) ? "hub" : "registry";
}

/** Bytes that are partly valid HTTP, or not HTTP. */
export const brokenMessage: Arbitrary<FuzzRequest> = fc
  .tuple(
    fc.array(
      fc.oneof(
        fc.constantFrom(
          ...[
            "GET /v2/ HTTP/1.1\r\n",
            "GET /v2/ HTTP/9.9\r\n",
            "get / http/1.1\r\n",
            "PRI * HTTP/2.0\r\n",
          ],
          ...[
            "CONNECT x:1 HTTP/1.1\r\n",
            "TRACE /v2/ HTTP/1.1\r\n",
            "PUT /v2/a/manifests/1 HTTP/1.1\r\n",
          ],
          ...[
            "Host: a\r\n",
            "Host: a\r\nHost: b\r\n",
            "Content-Length: 5\r\n",
            "Content-Length: -1\r\n",
          ],
          ...[
            "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: chunked\r\n",
            ": x\r\n",
          ],
          ...[
            "Transfer-Encoding: gzip, chunked\r\n",
            "Upgrade: h2c\r\nConnection: Upgrade\r\n",
            "x\r\n",
          ],
          ...["Expect: 100-continue\r\n", "Expect: something\r\n", `X: ${"a".repeat(70_000)}\r\n`],
          ...[
            "\r\n",
            "\r\n\r\n",
            "\n",
            "0\r\n\r\n",
            "5\r\nhello\r\n",
            "ffffffffffffffff\r\n",
            "\0",
            " ",
          ],
          ...[
            `5;${"e".repeat(20_000)}\r\n`,
            "GET http://a:b:c/ HTTP/1.1\r\n",
            "\u0016\u0003\u0001",
          ],
        ),
        headerText,
      ),
      { minLength: 1, maxLength: 8 },
    ),
    fc.boolean(),
  )
  .map(([pieces, isEnded]) => ({
    method: "broken",
    bytes: [Buffer.from(pieces.join("") + (isEnded ? "\r\n\r\n" : ""), "latin1")],
    isWhole: false,
    surface: "any",
  }));
