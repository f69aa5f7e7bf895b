import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, copyFileSync, openSync, readFileSync, writeFileSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { isReplicated, startBerth } from "./support/berth.ts";
import { attempt } from "./support/command.ts";
import { atEnd, createScratch, endProcess, untilReady } from "./support/scratch.ts";

/*
 * A real Prometheus scrapes Berth with deploy/prometheus, evaluates its alert rules and each query of the dashboard. Only
 * the address and the intervals are replaced.
 */

const deploy = path.join(import.meta.dirname, "../../deploy");

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Prometheus {
  /** `data` of an answer of its API; fails if the answer is not a success. */
  readonly ask: (target: string) => Promise<unknown>;
  /** The values of a query by the labels that it keeps, as JSON. */
  readonly query: (expr: string) => Promise<ReadonlyMap<string, number>>;
}

async function startPrometheus(target: string): Promise<Prometheus> {
  const folder = createScratch("prometheus");
  copyFileSync(path.join(deploy, "prometheus/alerts.yml"), path.join(folder, "alerts.yml"));
  const settings = readFileSync(path.join(deploy, "prometheus/prometheus.yml"), "utf8")
    .replace("127.0.0.1:9090", target)
    .replaceAll("15s", "1s");
  writeFileSync(path.join(folder, "prometheus.yml"), settings);
  const port = await freePort();
  const log = path.join(folder, "log");
  const output = openSync(log, "w");
  const child = spawn(
    "prometheus",
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { cwd: folder, env: { PATH: process.env["PATH"] }, stdio: ["ignore", output, output] },
  );
  closeSync(output);
  const { pid } = child;
  assert.ok(pid, "prometheus could not be started");
  atEnd(async () => void (await endProcess(pid)));
  const url = `http://127.0.0.1:${port}`;
  await untilReady(child, log, async () => {
    const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
    return answer?.status === 200;
  });
  const ask = async (asked: string): Promise<unknown> => {
    const answer = await fetch(`${url}/api/v1/${asked}`);
    const body = (await answer.json()) as { readonly status: string; readonly data: unknown };
    assert.equal(body.status, "success", `${asked}: ${JSON.stringify(body)}`);
    return body.data;
  };
  return {
    ask,
    async query(expr) {
      const data = (await ask(`query?query=${encodeURIComponent(expr)}`)) as {
        readonly result: readonly {
          readonly metric: Readonly<Record<string, string>>;
          readonly value: readonly [number, string];
        }[];
      };
      return new Map(
        data.result.map(({ metric, value: [, text] }) => [JSON.stringify(metric), Number(text)]),
      );
    },
  };
}

async function send(url: string, method: string, body?: Buffer, type = "application/octet-stream") {
  const headers = body === undefined ? {} : { "Content-Type": type };
  const sent = body === undefined ? {} : { body: new Uint8Array(body) };
  const answer = await fetch(url, {
    method,
    headers: { ...headers, Connection: "close" },
    ...sent,
  });
  await answer.arrayBuffer();
  return answer.status;
}

const digestOf = (bytes: Buffer): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Pushes an image, and pulls its manifest `pulls` times. */
async function useRegistry(host: string, pulls: number): Promise<void> {
  const config = Buffer.from("{}");
  const repository = `http://${host}/v2/team/app`;
  const upload = `${repository}/blobs/uploads/?digest=${digestOf(config)}`;
  assert.equal(await send(upload, "POST", config), 201);
  const type = "application/vnd.oci.image.manifest.v1+json";
  const descriptor = { mediaType: "application/vnd.oci.image.config.v1+json", size: 2 };
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: type,
      config: { ...descriptor, digest: digestOf(config) },
      layers: [],
    }),
  );
  assert.equal(await send(`${repository}/manifests/1`, "PUT", manifest, type), 201);
  assert.equal(await send(`${repository}/blobs/${digestOf(config)}`, "GET"), 200);
  for (let times = 0; times < pulls; times += 1)
    assert.equal(await send(`${repository}/manifests/1`, "GET"), 200);
}

async function until(what: string, isDone: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await isDone())) {
    assert.ok(Date.now() < deadline, `${what}: not within 60 s`);
    await pause(500);
  }
}

test("promtool accepts the configuration of Prometheus and the alert rules", async () => {
  const config = await attempt("promtool", [
    ...["check", "config", path.join(deploy, "prometheus/prometheus.yml")],
  ]);
  assert.equal(config.code, 0, config.stdout + config.stderr);
  const rules = await attempt("promtool", [
    ...["check", "rules", path.join(deploy, "prometheus/alerts.yml")],
  ]);
  assert.equal(rules.code, 0, rules.stdout + rules.stderr);
});

/** For each alert the series that make it fire, for 400 minutes. `a+bxn`: a, then n times b more. */
const firing: Readonly<Record<string, readonly string[]>> = {
  BerthDown: [`up{job="berth"} 0+0x400`],
  BerthPartDown: [`berth_part_up{part="database"} 0+0x400`],
  BerthErrors: [
    `berth_http_requests_total{status="5xx"} 0+2x400`,
    `berth_http_requests_total{status="2xx"} 0+98x400`,
  ],
  BerthSlowManifests: [
    `berth_http_request_duration_seconds_bucket{route="/v2/*name/manifests/:reference",le="2"} 0+90x400`,
    `berth_http_request_duration_seconds_bucket{route="/v2/*name/manifests/:reference",le="10"} 0+100x400`,
    `berth_http_request_duration_seconds_bucket{route="/v2/*name/manifests/:reference",le="+Inf"} 0+100x400`,
  ],
  BerthEventLoopBusy: [`nodejs_eventloop_lag_p99_seconds{job="berth"} 0.5+0x400`],
  BerthProcessMissing: [`berth_processes 3+0x380 2+0x20`],
  BerthDiskLow: [`berth_disk_free_bytes 5+0x400`, `berth_disk_size_bytes 100+0x400`],
  BerthDiskFullSoon: [`berth_disk_free_bytes 28-0.03x400`, `berth_disk_size_bytes 100+0x400`],
  BerthBlobsMissing: [`berth_blobs_missing 1+0x400`],
  BerthBlobStoreFails: [
    `berth_blob_store_operations_total{operation="put",outcome="failed"} 0+1x400`,
  ],
  BerthDatabaseFails: [`berth_database_commands_total{outcome="failed"} 0+1x400`],
  BerthWriterQueueLong: [`berth_database_writer_queue 501+0x400`],
  BerthCollectorFails: [`berth_collector_last_run_success 0+0x400`],
  BerthCollectorLate: [`berth_collector_next_run_timestamp_seconds 0+0x400`],
  BerthScrubFails: [`berth_scrub_last_run_bad_blobs 1+0x400`],
  BerthCertificateEnds: [`berth_tls_certificate_expiry_timestamp_seconds 100000+0x400`],
  BerthQuotaNear: [
    `berth_quota_used_bytes{namespace="team"} 91+0x400`,
    `berth_quota_limit_bytes{namespace="team"} 100+0x400`,
  ],
  BerthWrongPasswords: [
    `berth_logins_total{outcome="failed"} 0+40x400`,
    `berth_logins_total{outcome="limited"} 0+40x400`,
  ],
  BerthMirrorFails: [`berth_mirror_upstream_up{mirror="docker.io"} 0+0x400`],
  BerthMirrorLimited: [`berth_mirror_upstream_limited_total{mirror="docker.io"} 0+1x400`],
};

test("each alert fires for the series that it is for", async () => {
  const folder = createScratch("alerts");
  const alerts = path.join(deploy, "prometheus/alerts.yml");
  const names = [...readFileSync(alerts, "utf8").matchAll(/- alert: (\w+)/g)].map(
    ([, name]) => name,
  );
  assert.deepEqual(Object.keys(firing), names);
  const tests = Object.entries(firing).map(([name, series]) => ({
    name,
    interval: "1m",
    input_series: series.map((one) => {
      const end = one.lastIndexOf("} ") + 1 || one.indexOf(" ");
      return { series: one.slice(0, end), values: one.slice(end + 1) };
    }),
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${name}",alertstate="firing"})`,
        eval_time: "400m",
        exp_samples: [{ labels: "{}", value: 1 }],
      },
    ],
  }));
  const file = path.join(folder, "alerts.json");
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ rule_files: [alerts], evaluation_interval: "1m", tests }));
  const { code, stdout, stderr } = await attempt("promtool", ["test", "rules", file]);
  assert.equal(code, 0, stdout + stderr);
});

// A load balancer hides /metrics; each replica has an address of its own for Prometheus.
if (!isReplicated)
  describe("Prometheus", async () => {
    const berth = await startBerth({ settings: { BERTH_WORKERS: "2" } });
    const prometheus = await startPrometheus(berth.host);

    test("scrapes all worker processes together, without an error and without rejected samples", async () => {
      await useRegistry(berth.host, 20);
      const gets = `berth_http_requests_total{route="/v2/*name/manifests/:reference",method="GET"}`;
      await until("all pulls are scraped", async () => {
        const values = [...(await prometheus.query(gets)).values()];
        return values[0] === 20;
      });
      assert.deepEqual([...(await prometheus.query("berth_processes")).values()], [3]);
      const { activeTargets } = (await prometheus.ask("targets")) as {
        readonly activeTargets: readonly { readonly health: string; readonly lastError: string }[];
      };
      assert.deepEqual(
        activeTargets.map(({ health, lastError }) => ({ health, lastError })),
        [{ health: "up", lastError: "" }],
      );
      const scraped = await prometheus.query("scrape_samples_scraped");
      const kept = await prometheus.query("scrape_samples_post_metric_relabeling");
      assert.deepEqual([...kept.values()], [...scraped.values()]);
    });

    test("evaluates each alert rule without an error, and none of them warns of a healthy registry", async () => {
      interface Rules {
        readonly groups: readonly {
          readonly rules: readonly {
            readonly name: string;
            readonly health: string;
            readonly state: string;
          }[];
        }[];
      }
      const read = async () => ((await prometheus.ask("rules")) as Rules).groups[0]?.rules ?? [];
      await until("all rules are evaluated", async () =>
        (await read()).every(({ health }) => health !== "unknown"),
      );
      const rules = await read();
      assert.ok(rules.length >= 15);
      for (const { name, health, state } of rules)
        assert.deepEqual({ name, health, state }, { name, health: "ok", state: "inactive" });
    });

    test("answers each query of the dashboard; only those of what has not happened yet are empty", async () => {
      const { panels } = JSON.parse(
        readFileSync(path.join(deploy, "grafana/berth.json"), "utf8"),
      ) as {
        readonly panels: readonly {
          readonly title: string;
          readonly targets?: readonly { readonly expr: string }[];
        }[];
      };
      const findEmpty = async (): Promise<readonly string[]> => {
        const empty: string[] = [];
        for (const { title, targets = [] } of panels)
          for (const { expr } of targets) {
            const asked = expr.replaceAll("$instance", ".*").replaceAll("$__rate_interval", "1m");
            if ((await prometheus.query(asked)).size === 0) empty.push(title);
          }
        // There is no mirror and no quota.
        return empty.filter(
          (title) => !/upstream|cache|mirror|quota|Bytes per second/i.test(title),
        );
      };
      const expected = [
        ...["Requests with 5xx", "Errors (5xx) by route"],
        // The registry is open.
        ...["Logins per second", "Issued tokens per second"],
        // No collection and no scrub has run.
        ...["Deleted bytes that wait for gc.deleteDelay", "Time since the last run"],
      ];
      // A rate needs two scrapes.
      let empty: readonly string[] = [];
      await until("no other query is empty", async () => {
        empty = [...new Set(await findEmpty())];
        return empty.every((title) => expected.includes(title));
      });
      assert.deepEqual(new Set(empty), new Set(expected));
    });
  });
