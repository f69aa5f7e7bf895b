import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { after, test } from "node:test";
import { pushImageParts, putManifest, startBerth } from "../support/berth.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { waitUntil } from "../support/wait.ts";

/** A span as OTLP has it in JSON. */
interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
  readonly status: { readonly code: number };
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Span["attributes"] };
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
}

interface Collector {
  readonly endpoint: string;
  readonly exports: Export[];
  readonly spans: () => readonly Span[];
  isAway: boolean;
}

/** An OpenTelemetry collector that decodes OTLP in JSON and keeps the spans. */
async function startCollector(): Promise<Collector> {
  const exports: Export[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (piece: string) => (text += piece));
    request.on("end", () => {
      assert.equal(request.headers["content-type"], "application/json");
      if (!collector.isAway) exports.push(JSON.parse(text) as Export);
      response.writeHead(collector.isAway ? 400 : 200, { "Content-Type": "application/json" });
      response.end("{}");
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const collector: Collector = {
    endpoint: `http://127.0.0.1:${port}/v1/traces`,
    exports,
    isAway: false,
    spans: () =>
      exports.flatMap(({ resourceSpans }) =>
        resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
      ),
  };
  return collector;
}

const textOf = (attributes: Span["attributes"]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

async function startTraced(settings: Readonly<Record<string, string>>) {
  let log = "";
  const berth = await startBerth(
    path.join(temporaryFolder(), `data-${Math.random()}`),
    {
      ...{ "log.level": "info", "log.format": "json", "log.requests": "true" },
      ...{ "tracing.oneIn": "1", ...settings },
    },
    { log: (lines) => (log += lines) },
  );
  return { berth, log: () => log };
}

test("a traced push has a span for the request, and in it spans of the blob store and the database", async () => {
  const collector = await startCollector();
  const { berth, log } = await startTraced({ "tracing.endpoint": collector.endpoint });
  const { manifest } = await pushImageParts(berth, "team/app");
  await putManifest(berth, "team/app", "1", manifest).expect(201);
  await berth.api.get("/v2/team/app/manifests/1").expect(200);
  await berth.api.get("/v2/team/app/manifests/none").expect(404);
  await berth.close();

  const spans = collector.spans();
  const put = spans.find(({ name }) => name === "PUT /v2/*name/manifests/:reference");
  assert.ok(put);
  assert.equal(put.kind, 2, "a server");
  assert.equal(put.parentSpanId, undefined);
  const { "berth.request_id": requestId, ...attributes } = textOf(put.attributes);
  assert.match(String(requestId), /^[\da-f]{32}$/);
  assert.deepEqual(attributes, {
    "http.request.method": "PUT",
    "http.route": "/v2/*name/manifests/:reference",
    "url.path": "/v2/team/app/manifests/1",
    "client.address": "127.0.0.1",
    "http.response.status_code": 201,
    "berth.repository": "team/app",
  });
  const stored = spans.find(({ name }) => name === "database putManifest");
  assert.deepEqual([stored?.traceId, stored?.parentSpanId], [put.traceId, put.spanId]);
  const blob = spans.find(({ name }) => name === "POST /v2/*name/blobs/uploads");
  const upload = blob ?? spans.find(({ name }) => name.startsWith("POST /v2/*name/blobs/uploads"));
  const bytes = spans.filter(
    ({ name, traceId }) => name === "store put" && traceId === upload?.traceId,
  );
  assert.equal(bytes.length, 1);
  assert.ok(BigInt(put.endTimeUnixNano) > BigInt(put.startTimeUnixNano));

  assert.equal(spans.filter(({ name }) => name.startsWith("GET /v2/*name/manifests")).length, 2);
  const line = log()
    .split("\n")
    .find((one) => one.includes(`"requestId":"${String(requestId)}"`));
  assert.ok(line?.includes(`"traceId":"${put.traceId}"`), line);
  const resource = collector.exports[0]?.resourceSpans[0]?.resource.attributes ?? [];
  assert.equal(textOf(resource)["service.name"], "berth");
});

test("of many requests only one of tracing.oneIn is traced", async () => {
  const collector = await startCollector();
  const { berth } = await startTraced({
    "tracing.endpoint": collector.endpoint,
    "tracing.oneIn": "100",
  });
  for (let times = 0; times < 300; times += 1) await berth.api.get("/v2/").expect(200);
  await berth.close();
  const traced = collector.spans().length;
  assert.ok(traced < 20, `${traced} of 300`);
});

test("at most one request in 200 ms is traced, unless all are", async () => {
  const collector = await startCollector();
  const { berth } = await startTraced({
    "tracing.endpoint": collector.endpoint,
    "tracing.oneIn": "2",
  });
  const beganAtMs = performance.now();
  for (let times = 0; times < 100; times += 1) await berth.api.get("/v2/").expect(200);
  const atMost = 1 + Math.floor((performance.now() - beganAtMs) / 200);
  await berth.close();
  const traced = collector.spans().length;
  assert.ok(traced >= 1 && traced <= atMost, `${traced} of at most ${atMost}`);
});

test("a trusted proxy decides with traceparent whether a request is traced; any other client does not", async () => {
  const collector = await startCollector();
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const ask = async (berth: Awaited<ReturnType<typeof startBerth>>, id: string, flags: string) =>
    await berth.api
      .get("/v2/")
      .set("traceparent", `00-${id}-00f067aa0ba902b7-${flags}`)
      .expect(200);
  const settings = { "tracing.endpoint": collector.endpoint, "tracing.oneIn": "1000000" };
  const trusting = await startTraced({ ...settings, trustedProxies: "127.0.0.1" });
  await ask(trusting.berth, traceId, "01");
  await ask(trusting.berth, traceId.replaceAll("4", "5"), "00");
  await trusting.berth.close();
  const other = await startTraced(settings);
  await ask(other.berth, traceId.replaceAll("4", "6"), "01");
  await other.berth.close();
  assert.deepEqual(
    collector.spans().map((span) => [span.traceId, span.parentSpanId]),
    [[traceId, "00f067aa0ba902b7"]],
  );
});

test("a collector that fails is logged once, and the server answers and ends as before", async () => {
  const collector = await startCollector();
  collector.isAway = true;
  const { berth, log } = await startTraced({ "tracing.endpoint": collector.endpoint });
  await berth.api.get("/v2/").expect(200);
  const beganAtMs = performance.now();
  await berth.close();
  assert.ok(performance.now() - beganAtMs < 10_000);
  await waitUntil("the failure is logged", () => log().includes("does not accept traces"));
  assert.equal(log().split("does not accept traces").length, 2);
});
