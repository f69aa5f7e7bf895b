import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RequestMetrics } from "../../../src/http/middleware/request-metrics.ts";
import { ProcessMetrics } from "../../../src/observability/process-metrics.ts";

/** The values of the counter of requests, by their labels. */
async function requestsOf(metrics: ProcessMetrics): Promise<Readonly<Record<string, number>>> {
  const measures = await metrics.collect();
  const { values = [] } = measures.find(({ name }) => name === "berth_http_requests_total") ?? {};
  return Object.fromEntries(
    values.map(({ labels, value }) => [
      [labels["route"], labels["method"], labels["status"]].join(" "),
      value,
    ]),
  );
}

describe("the counters of a route", () => {
  test("are those of the method and of the class of status, and are made at their first use", async () => {
    const metrics = new ProcessMetrics();
    const requests = new RequestMetrics(metrics);
    assert.deepEqual(await requestsOf(metrics), {});
    const nowMs = performance.now();
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
      requests.of("/v2/").count(method, 200, nowMs);
    for (const status of [undefined, 101, 204, 304, 404, 503, 799])
      requests.of("none").count("GET", status, nowMs);
    requests.of("none").count("TRACE", 405, nowMs);
    assert.deepEqual(await requestsOf(metrics), {
      ...{ "/v2/ GET 2xx": 1, "/v2/ HEAD 2xx": 1, "/v2/ POST 2xx": 1, "/v2/ PUT 2xx": 1 },
      ...{ "/v2/ PATCH 2xx": 1, "/v2/ DELETE 2xx": 1, "/v2/ OPTIONS 2xx": 1, "/v2/ other 2xx": 1 },
      ...{ "none GET none": 1, "none GET 1xx": 1, "none GET 2xx": 1, "none GET 3xx": 1 },
      ...{ "none GET 4xx": 1, "none GET 5xx": 2, "none other 4xx": 1 },
    });
  });

  test("have the same durations for all methods", async () => {
    const metrics = new ProcessMetrics();
    const requests = new RequestMetrics(metrics);
    const beganAtMs = performance.now() - 50;
    assert.ok(requests.of("/v2/").count("GET", 200, beganAtMs) >= 50);
    requests.of("/v2/").count("PUT", 201, beganAtMs);
    const { counts, seconds } = metrics.histogram("berth_http_request_duration_seconds", "/v2/");
    assert.equal(
      counts.reduce((sum, count) => sum + count),
      2,
    );
    assert.ok(seconds >= 0.1);
  });
});
