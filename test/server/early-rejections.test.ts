import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connect, get, start } from "./support.ts";

const { server } = await start({
  limits: { headerSize: 16_384 },
  handle: (request, response) => {
    response.write(`${request.headers.host} ${request.url}`);
    if (request.method === "GET") response.end();
  },
});

async function ask(request: string): Promise<string> {
  return await (await connect(server.port, request)).all();
}

const close = "Connection: close\r\n\r\n";

describe("a request that the server rejects before the application", () => {
  const cases: [string, string, number, RegExp][] = [
    ["two Host headers", get("/", "Host: other", "Connection: close"), 400, /more than one Host/],
    [
      "twice the same Host",
      get("/", "HOST: berth", "Connection: close"),
      400,
      /more than one Host/,
    ],
    ["no Host", `GET / HTTP/1.1\r\n${close}`, 400, /no Host/],
    [
      "a Host with a port above 65535",
      `GET / HTTP/1.1\r\nHost: a:99999\r\n${close}`,
      400,
      /not a host name/,
    ],
    [
      "a Host that is half an address",
      `GET / HTTP/1.1\r\nHost: 1.2.3.256\r\n${close}`,
      400,
      /not a host name/,
    ],
    ["an empty Host", `GET / HTTP/1.1\r\nHost:\r\n${close}`, 400, /not a host name/],
    ["a Host with a path", `GET / HTTP/1.1\r\nHost: a/b\r\n${close}`, 400, /not a host name/],
    ["a Host with a user", `GET / HTTP/1.1\r\nHost: a@b\r\n${close}`, 400, /not a host name/],
    ["no path", `OPTIONS * HTTP/1.1\r\nHost: a\r\n${close}`, 400, /not a path/],
    ["no HTTP at all", "what is this?\r\n\r\n", 400, /not valid HTTP/],
    ["a header line without a name", get("/", ": x"), 400, /not valid HTTP/],
    [
      "an expectation that is not 100-continue",
      get("/", "Expect: something"),
      417,
      /Expect must be 100-continue/,
    ],
    ["two lengths", get("/", "Content-Length: 1", "Content-Length: 2"), 400, /not valid HTTP/],
    ["a header above limits.headerSize", get("/", `X: ${"x".repeat(20_000)}`), 431, /too long/],
  ];
  for (const [name, request, status, message] of cases) {
    test(`with ${name} gets ${status} with an error body, and the server closes the connection`, async () => {
      const [head = "", body = ""] = (await ask(request)).split("\r\n\r\n");
      assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.match(head, /^connection: close$/im);
      assert.match(head, /^content-type: application\/json$/im);
      assert.match(head, /^x-content-type-options: nosniff$/im);
      assert.match(head, new RegExp(`^content-length: ${Buffer.byteLength(body)}$`, "im"));
      const { errors } = JSON.parse(body) as { errors: { code: string; message: string }[] };
      assert.equal(errors.length, 1);
      assert.equal(errors[0]?.code, "UNKNOWN");
      assert.match(errors[0]?.message ?? "", message);
    });
  }

  test("with an invalid chunk after the response has begun is closed and gets no second response", async () => {
    const begun = await connect(
      server.port,
      "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    await begun.until("a /x");
    begun.socket.write("no chunk\r\n");
    assert.equal((await begun.all()).split("HTTP/1.1").length, 2);
  });
});

describe("a request that the server passes to the application", () => {
  const cases: [string, string, RegExp][] = [
    ["HTTP/1.0 without Host", "GET /v2/ HTTP/1.0\r\n\r\n", /undefined \/v2\/$/],
    ["a Host with a port", `GET / HTTP/1.1\r\nHost: [::1]:5000\r\n${close}`, /\[::1\]:5000 \//],
    ["absolute form", `GET http://b:1/v2/?n=1 HTTP/1.1\r\nHost: a\r\n${close}`, /b:1 \/v2\/\?n=1/],
    [
      "absolute form without a path",
      `GET http://b?n=1 HTTP/1.1\r\nHost: a\r\n${close}`,
      /b \/\?n=1/,
    ],
  ];
  for (const [name, request, answer] of cases) {
    test(`with ${name} keeps its host and target`, async () =>
      assert.match(await ask(request), answer));
  }

  test("keeps dot segments and percent-encoding of its target unchanged", async () => {
    const target = "/v2/%2e%2e/../x%2Fy";
    assert.ok((await ask(get(target, "Connection: close"))).includes(target));
  });
});
