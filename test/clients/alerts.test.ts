import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { attempt } from "./support/command.ts";
import { createScratch } from "./support/scratch.ts";

/* promtool reads the configuration of deploy/prometheus, and fires each of its alerts. */

const deploy = path.join(import.meta.dirname, "../../deploy");
const alerts = path.join(deploy, "prometheus/alerts.yml");

test("promtool accepts the configuration of Prometheus and the alert rules", async () => {
  const config = await attempt("promtool", [
    ...["check", "config", path.join(deploy, "prometheus/prometheus.yml")],
  ]);
  assert.equal(config.code, 0, config.stdout + config.stderr);
  const rules = await attempt("promtool", ["check", "rules", alerts]);
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
  BerthAuditNotForwarded: [`berth_audit_waiting_seconds 601+60x400`],
  BerthWrongPasswords: [
    `berth_logins_total{outcome="failed"} 0+40x400`,
    `berth_logins_total{outcome="limited"} 0+40x400`,
  ],
  BerthMirrorFails: [`berth_mirror_upstream_up{mirror="docker.io"} 0+0x400`],
  BerthMirrorLimited: [`berth_mirror_upstream_limited_total{mirror="docker.io"} 0+1x400`],
};

test("each alert fires for the series that it is for", async () => {
  const folder = createScratch("alerts");
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
