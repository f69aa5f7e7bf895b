import { mirrorMetrics } from "./mirror-metrics.ts";

/*
 * All metrics of Berth: names, labels and descriptions. Names follow OpenMetrics: base units (seconds, bytes), and
 * `_total` for counters. The metrics of Node.js and of the process (`nodejs_`, `process_`) come from prom-client.
 */

export interface MetricDefinition {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels?: readonly string[];
  /** How the values of several processes become one; default: `sum`. */
  readonly combine?: "sum" | "first" | "min" | "max";
  /** The upper bounds of a histogram in seconds. */
  readonly buckets?: readonly number[];
}

const requestSeconds = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600];
const operationSeconds = [0.0005, 0.002, 0.01, 0.05, 0.25, 1, 5, 30];

/** What each process measures itself. The values of all processes of a server are added. */
const processMetrics = {
  berth_http_requests_total: {
    type: "counter",
    labels: ["route", "method", "status"],
    help: "Answered requests; status is a class such as 2xx, or none if the client left before the answer",
  },
  berth_http_request_duration_seconds: {
    type: "histogram",
    labels: ["route"],
    buckets: requestSeconds,
    help: "Time from the head of a request to the end of its answer",
  },
  berth_http_received_bytes_total: {
    type: "counter",
    help: "Bytes that clients sent, with headers",
  },
  berth_http_sent_bytes_total: {
    type: "counter",
    help: "Bytes that clients received, with headers",
  },
  berth_http_connections: { type: "gauge", help: "Open connections of clients" },
  berth_pulls_total: {
    type: "counter",
    help: "Manifests sent to clients: a pull of an image in an index is two",
  },
  berth_pushes_total: { type: "counter", help: "Manifests accepted from clients" },
  berth_logins_total: {
    type: "counter",
    labels: ["outcome"],
    help: "Checked passwords and access tokens: succeeded, failed, limited (429) or unavailable",
  },
  berth_tokens_issued_total: { type: "counter", help: "Tokens that the token endpoint issued" },
  berth_blob_store_operations_total: {
    type: "counter",
    labels: ["operation", "outcome"],
    help: "Operations of the blob store: succeeded, failed or interrupted (by the source of the bytes)",
  },
  berth_blob_store_operation_duration_seconds: {
    type: "histogram",
    labels: ["operation"],
    buckets: operationSeconds,
    help: "Time of an operation of the blob store; append waits for the bytes of the client",
  },
  berth_database_commands_total: {
    type: "counter",
    labels: ["outcome"],
    help: "Changes of the database: succeeded, denied (the permission has ended) or failed",
  },
  berth_database_command_duration_seconds: {
    type: "histogram",
    buckets: operationSeconds,
    help: "Time of a change of the database, with its wait for the writer and the flush",
  },
  berth_database_writer_queue: { type: "gauge", help: "Changes of the database that wait or run" },
  berth_tls_certificate_expiry_timestamp_seconds: {
    type: "gauge",
    combine: "min",
    help: "When the certificate of tls.cert ends",
  },
  berth_processes: { type: "gauge", help: "Processes of this server whose metrics are included" },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

/** The state of the registry. The process that answers reads it; on several replicas it is the same. */
const stateMetrics = {
  berth_build_info: {
    type: "gauge",
    labels: ["version", "node", "database", "storage"],
    help: "1; the labels describe the server",
  },
  berth_part_up: {
    type: "gauge",
    labels: ["part"],
    help: "1 if the database or the storage works, 0 if not: the reasons are in /readyz",
  },
  berth_uploads_open: { type: "gauge", help: "Open uploads" },
  berth_blobs_missing: { type: "gauge", help: "Blobs whose bytes are lost or wrong" },
  berth_collector_last_run_timestamp_seconds: { type: "gauge", help: "End of the last collection" },
  berth_collector_last_run_duration_seconds: {
    type: "gauge",
    help: "Duration of the last garbage collection",
  },
  berth_collector_last_run_success: {
    type: "gauge",
    help: "1 if the last garbage collection did all of its work, else 0",
  },
  berth_collector_last_run_errors: {
    type: "gauge",
    help: "Blobs whose bytes the last garbage collection could not delete",
  },
  berth_collector_last_run_freed_bytes: {
    type: "gauge",
    help: "Bytes that the last garbage collection deleted",
  },
  berth_collector_next_run_timestamp_seconds: {
    type: "gauge",
    help: "Planned start of the next garbage collection",
  },
  berth_collector_waiting_blobs: {
    type: "gauge",
    help: "Deleted blobs whose bytes wait for gc.deleteDelay",
  },
  berth_collector_waiting_bytes: {
    type: "gauge",
    help: "Bytes of deleted blobs that wait for gc.deleteDelay",
  },
  berth_scrub_last_run_timestamp_seconds: { type: "gauge", help: "End of the last scrub" },
  berth_scrub_last_run_duration_seconds: { type: "gauge", help: "Duration of the last scrub" },
  berth_scrub_last_run_success: {
    type: "gauge",
    help: "1 if the last scrub did all of its work, else 0",
  },
  berth_scrub_last_run_bad_blobs: {
    type: "gauge",
    help: "Blobs that were lost, wrong or unreadable in the last scrub",
  },
  berth_scrub_next_run_timestamp_seconds: {
    type: "gauge",
    help: "Planned start of the next scrub",
  },
  berth_quota_used_bytes: {
    type: "gauge",
    labels: ["namespace"],
    help: "Bytes of the 20 largest namespaces that have a quota",
  },
  berth_quota_limit_bytes: {
    type: "gauge",
    labels: ["namespace"],
    help: "Quota of the same namespaces",
  },
  berth_audit_waiting_seconds: {
    type: "gauge",
    help: "Age of the oldest entry of the audit log that its receiver (audit.forward) does not have yet; 0 if it has all",
  },
  berth_disk_free_bytes: { type: "gauge", help: "Free bytes of the disk of the data folder" },
  berth_disk_size_bytes: { type: "gauge", help: "Size of the disk of the data folder" },
  berth_database_size_bytes: { type: "gauge", help: "Size of the database" },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export const metricTable = {
  ...processMetrics,
  ...stateMetrics,
  ...mirrorMetrics,
} satisfies Readonly<Record<string, MetricDefinition>>;

type Table = typeof metricTable;
export type MetricName = keyof Table;

type NamesOf<Type> = {
  [Name in MetricName]: Table[Name]["type"] extends Type ? Name : never;
}[MetricName];
export type CounterName = NamesOf<"counter">;
export type GaugeName = NamesOf<"gauge">;
export type HistogramName = NamesOf<"histogram">;

export const definitionOf = (name: MetricName): MetricDefinition => metricTable[name];
