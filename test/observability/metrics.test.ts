import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { countersOf, renderMetrics, sumMeasures } from "../../src/observability/metrics.ts";
import { ProcessMetrics } from "../../src/observability/process-metrics.ts";

const route = "/v2/*name/manifests/:reference";

/** The lines of Berth's own metrics. */
async function linesOf(processes: readonly ProcessMetrics[], accept = ""): Promise<string[]> {
  const measures = await Promise.all(processes.map((one) => one.collect()));
  const { body } = await renderMetrics(measures, accept);
  return body.split("\n").filter((line) => line.includes("berth_"));
}

describe("metrics", () => {
  test("of several processes are added, and each label keeps its value", async () => {
    const [first, second] = [new ProcessMetrics(), new ProcessMetrics()];
    first.counter("berth_http_requests_total", route, "GET", "2xx").add(3);
    second.counter("berth_http_requests_total", route, "GET", "2xx").add();
    second.counter("berth_http_requests_total", route, "PUT", "5xx").add();
    const lines = await linesOf([first, second]);
    const name = "berth_http_requests_total";
    assert.deepEqual(
      lines.filter((line) => line.startsWith(name)),
      [
        `${name}{route="${route}",method="GET",status="2xx"} 4`,
        `${name}{route="${route}",method="PUT",status="5xx"} 1`,
      ],
    );
    assert.ok(lines.includes("berth_processes 2"));
  });

  test("show the earliest end of the certificates of several processes", async () => {
    const processes = [2_000, 1_000, 3_000].map((endsAt) => {
      const one = new ProcessMetrics();
      one.gauge("berth_tls_certificate_expiry_timestamp_seconds").value = endsAt;
      return one;
    });
    const lines = await linesOf(processes);
    assert.ok(lines.includes("berth_tls_certificate_expiry_timestamp_seconds 1000"));
  });

  test("count a duration in each bucket from its own upwards, with the sum and the count", async () => {
    const metrics = new ProcessMetrics();
    const durations = metrics.histogram("berth_http_request_duration_seconds", route);
    const ages = [10, 300, 40_000, 3_600_000];
    for (const age of ages) durations.observe(performance.now() - age);
    const lines = await linesOf([metrics]);
    const counts = lines.flatMap((line) => /_bucket\{.*le="(.+?)"\} (\d+)/.exec(line) ?? []);
    const pairs = counts.flatMap((_, at) => (at % 3 === 0 ? [counts.slice(at + 1, at + 3)] : []));
    assert.deepEqual(pairs, [
      ...[
        ["0.001", "0"],
        ["0.005", "0"],
        ["0.02", "1"],
        ["0.1", "1"],
        ["0.5", "2"],
        ["2", "2"],
      ],
      ...[
        ["10", "2"],
        ["60", "3"],
        ["600", "3"],
        ["+Inf", "4"],
      ],
    ]);
    const valueOf = (end: string): number =>
      Number(
        lines
          .find((line) => line.includes(`_seconds_${end}{`))
          ?.split(" ")
          .at(-1),
      );
    assert.equal(valueOf("count"), 4);
    assert.ok(Math.abs(valueOf("sum") - 3_640.3) < 1);
  });

  test("have the OpenMetrics format for a client that accepts it: the type of a counter is without _total", async () => {
    const metrics = new ProcessMetrics();
    metrics.counter("berth_pulls_total").add(2);
    const accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    const { body, contentType } = await renderMetrics([await metrics.collect()], accept);
    assert.match(contentType, /^application\/openmetrics-text; version=1\.0\.0/);
    assert.match(body, /^# TYPE berth_pulls counter\nberth_pulls_total 2$/m);
    assert.match(body, /\n# EOF\n$/);
    const plain = await renderMetrics([await metrics.collect()], "*/*");
    assert.match(plain.contentType, /^text\/plain; version=0\.0\.4/);
    assert.match(plain.body, /^# TYPE berth_pulls_total counter\nberth_pulls_total 2$/m);
  });

  test("of an ended process keep the counters and the histograms, not the gauges", async () => {
    const [ended, running] = [new ProcessMetrics(), new ProcessMetrics()];
    for (const one of [ended, running]) {
      one.counter("berth_pulls_total").add(5);
      one.gauge("berth_http_connections").value = 7;
      one.histogram("berth_http_request_duration_seconds", route).observe(performance.now());
    }
    const kept = await sumMeasures([countersOf(await ended.collect())]);
    const { body } = await renderMetrics([kept, await running.collect()], "");
    assert.match(body, /^berth_pulls_total 10$/m);
    assert.match(body, /^berth_http_connections 7$/m);
    assert.match(body, /^berth_http_request_duration_seconds_count\{.*\} 2$/m);
    assert.match(body, /^process_start_time_seconds \d+/m);
  });
});
