const mirror = ["mirror"] as const;

/** The mirrors, by namespace, summed over all processes and replicas. */
export const mirrorMetrics = {
  berth_mirror_hits_total: {
    type: "counter",
    labels: mirror,
    help: "Requests that a mirror answered from its cache",
  },
  berth_mirror_misses_total: {
    type: "counter",
    labels: mirror,
    help: "Requests for which a mirror asked its upstream",
  },
  berth_mirror_stale_total: {
    type: "counter",
    labels: mirror,
    help: "Requests that got an expired tag because the upstream did not answer",
  },
  berth_mirror_fetched_bytes_total: {
    type: "counter",
    labels: mirror,
    help: "Bytes from the upstream",
  },
  berth_mirror_served_bytes_total: {
    type: "counter",
    labels: mirror,
    help: "Bytes of a mirror that clients received",
  },
  berth_mirror_upstream_requests_total: {
    type: "counter",
    labels: mirror,
    help: "Requests to the upstream",
  },
  berth_mirror_upstream_failures_total: {
    type: "counter",
    labels: mirror,
    help: "Requests to the upstream that failed: 5xx, timeouts and broken connections",
  },
  berth_mirror_upstream_limited_total: {
    type: "counter",
    labels: mirror,
    help: "Requests that the upstream answered with 429",
  },
  berth_mirror_evicted_blobs_total: {
    type: "counter",
    labels: mirror,
    help: "Blobs that a mirror evicted",
  },
  berth_mirror_evicted_bytes_total: {
    type: "counter",
    labels: mirror,
    help: "Bytes that a mirror evicted",
  },
  berth_mirror_upstream_up: {
    type: "gauge",
    labels: mirror,
    help: "0 while the upstream fails, else 1",
  },
  berth_mirror_upstream_requests_remaining: {
    type: "gauge",
    labels: mirror,
    help: "What is left of the upstream's limit of requests, if the upstream sends one",
  },
  berth_mirror_last_success_timestamp_seconds: {
    type: "gauge",
    labels: mirror,
    help: "When the upstream last answered",
  },
  berth_mirror_cache_bytes: {
    type: "gauge",
    labels: mirror,
    help: "Bytes of the blobs that only this mirror has",
  },
  berth_mirror_cache_limit_bytes: {
    type: "gauge",
    labels: mirror,
    help: "mirrors[].cacheSize, if it is set",
  },
} as const;
