import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { after, describe, test } from "node:test";
import { createBodyReader } from "../../../src/http/middleware/body.ts";
import type { BudgetKey } from "../../../src/http/middleware/budgets.ts";
import { OciError } from "../../../src/oci/errors.ts";
import { OCI_INDEX } from "../../../src/oci/media-types.ts";
import { connect, type Connection } from "../../server/support.ts";
import { putManifest } from "../../support/berth.ts";
import { password, startClosedBerth } from "../../support/closed.ts";
import { waitUntil } from "../../support/wait.ts";

const basic = (name: string): string =>
  `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;

/** Sends the head of a request and only the first part of its body. */
async function begin(
  port: number,
  line: string,
  headers: Readonly<Record<string, string | number>>,
  part: string,
): Promise<Connection> {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const connection = await connect(
    port,
    [`${line} HTTP/1.1`, "Host: berth", ...lines, "", ""].join("\r\n"),
  );
  connection.socket.write(part);
  return connection;
}

describe("a small body", async () => {
  const berth = await startClosedBerth({ "limits.bodyTimeout": "1s" });
  await berth.addUser("ann");
  const authorization = basic("ann");

  for (const { name, line, headers, part } of [
    {
      ...{ name: "a manifest", line: "PUT /v2/ann/app/manifests/1", part: "{" },
      headers: { Authorization: authorization, "Content-Type": OCI_INDEX, "Content-Length": 100 },
    },
    {
      ...{ name: "a JSON body", line: "POST /v2/namespaces/ann/repositories", part: "{" },
      headers: {
        ...{ Authorization: authorization, "Content-Type": "application/json" },
        "Content-Length": 100,
      },
    },
    {
      ...{ name: "a chunked login", line: "POST /v2/users/login", part: "5\r\n{" },
      headers: { "Content-Type": "application/json", "Transfer-Encoding": "chunked" },
    },
    {
      ...{ name: "a form", line: "POST /token", part: "grant_type=" },
      headers: { "Content-Type": "application/x-www-form-urlencoded", "Content-Length": 100 },
    },
  ])
    test(`${name} that stays incomplete is answered 408 after limits.bodyTimeout, and the connection is closed`, async () => {
      const held = await begin(berth.port, line, headers, part);
      const answer = await held.all();
      assert.match(answer, /^HTTP\/1\.1 408 /);
      assert.match(answer, /did not arrive within 1 s/);
      assert.match(answer, /^connection: close\r$/im);
    });

  for (const [line, type] of [
    ["PUT /v2/ann/app/manifests/1", OCI_INDEX],
    ["POST /v2/namespaces/ann/repositories", "application/json"],
  ] as const)
    test(`${line} without credentials is answered 401 before its body arrives, and the connection is closed`, async () => {
      const headers = { "Content-Type": type, "Content-Length": 1_000_000 };
      const answer = await (await begin(berth.port, line, headers, "{")).all();
      assert.match(answer, /^HTTP\/1\.1 401 /);
      assert.match(answer, /^connection: close\r$/im);
    });
});

test("a body that arrives more slowly than the minimum rate is answered 408 before its deadline", async () => {
  const reader = createBodyReader(
    { manifestSize: 1000, manifestsInFlight: 1, bodyTimeout: 3_600_000 },
    { afterMs: 50, bytesPerSecond: 100 },
  );
  const server = createServer((req, res) => {
    reader.read(req, "manifest", "192.0.2.1" as BudgetKey).then(
      () => res.end("read"),
      (error: unknown) => {
        res.statusCode = error instanceof OciError ? error.status : 500;
        res.setHeader("Connection", "close").end(String(error));
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const slow = await begin(port, "PUT /", { "Content-Length": 1000 }, "x");
  const drip = setInterval(() => slow.socket.write("x"), 100);
  after(() => clearInterval(drip));
  assert.match(await slow.all(), /^HTTP\/1\.1 408 [^]*less than 100 bytes a second/);
});

test("a manifest push above limits.manifestsInFlight is answered 503 with Retry-After until another one ends", async () => {
  const berth = await startClosedBerth({ "limits.manifestsInFlight": "1" });
  // A single client would reach its own limit first, which is answered 429.
  for (const name of ["ann", "bob"]) await berth.addUser(name);
  const { api } = berth.as("bob");
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] };
  const push = () => putManifest({ ...berth, api }, "bob/app", "1", index, OCI_INDEX);
  await push().expect(201);
  const limit = berth.config.limits.manifestSize;
  const headers = {
    ...{ Authorization: basic("ann"), "Content-Type": OCI_INDEX, "Content-Length": limit },
  };
  const body = "x".repeat(limit - 1);
  const large = await begin(berth.port, "PUT /v2/ann/app/manifests/2", headers, body);
  await waitUntil("the large manifest is held", async () => {
    const answer = await push();
    if (answer.status !== 503) return false;
    assert.equal(answer.headers["retry-after"], "1");
    assert.equal(answer.body.errors[0].code, "UNAVAILABLE");
    return true;
  });
  large.socket.destroy();
  await waitUntil("there is room again", async () => (await push()).status === 201);
});

test("only middleware/body.ts and middleware/early-end.ts read bytes from a request; no handler does", () => {
  const root = path.join(import.meta.dirname, "../../../src/http");
  const readers = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .filter((file) => {
      const text = readFileSync(path.join(root, file), "utf8");
      // Other files may read only the headers of a request, its address, its trace, whether it is complete, and the counts of its bytes.
      const allowed =
        /\b(?:peerOf|originOf|authenticate|streamOf|read|endBeforeBody|isOperator|isForwardedByUntrusted|refusalOf|isFromOwnPage|isHttps|getOf|traceIdOf|spanOf)\(ctx\.req\b|\bctx\.req\.(?:headers|complete|socket\.(?:remoteAddress|bytesRead|bytesWritten))\b/g;
      const rest = text
        .replaceAll(allowed, "")
        .replaceAll(/^import type .*$/gm, "")
        // The body of an answer is made, not read.
        .replace(/^import \{ Readable \} .*;(?=[^]*\bReadable\.from\()/m, "");
      return /\bctx\.req\b|\{ req\b|\brequest\.(?:on|once|iterator|read|pipe)\(|\bfrom "(?:node:)?stream/.test(
        rest,
      );
    });
  assert.deepEqual(readers, ["middleware/body.ts", "middleware/early-end.ts"]);
});
