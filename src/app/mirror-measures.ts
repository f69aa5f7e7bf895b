import { setTimeout as pause } from "node:timers/promises";
import type { Administration } from "../http/api/admin/administration.ts";
import { figuresOf, type CounterName as MirrorCounter } from "../mirror/counters.ts";
import type { CounterName, GaugeName } from "../observability/metric-table.ts";
import { measureOf, type MeasuredValue, type Measures } from "../observability/process-metrics.ts";
import type { AppContext } from "./context.ts";

/** The counters of `mirror/counters.ts` as metrics. */
const counters: Readonly<Record<MirrorCounter, CounterName>> = {
  hits: "berth_mirror_hits_total",
  misses: "berth_mirror_misses_total",
  stale: "berth_mirror_stale_total",
  bytesFetched: "berth_mirror_fetched_bytes_total",
  bytesServed: "berth_mirror_served_bytes_total",
  upstreamRequests: "berth_mirror_upstream_requests_total",
  upstreamFailures: "berth_mirror_upstream_failures_total",
  upstreamLimited: "berth_mirror_upstream_limited_total",
  evictedBlobs: "berth_mirror_evicted_blobs_total",
  evictedBytes: "berth_mirror_evicted_bytes_total",
};

/** A count of a large cache takes longer than a scrape waits: then its last result is shown. */
const waitForCacheMs = 1_000;

/**
 * Reads the figures of all mirrors, summed over all processes and replicas that share the database. Those of this
 * process are current, those of others are at most 5 seconds old.
 */
export function createMirrorMeasures({
  context,
  administration,
}: {
  readonly context: AppContext;
  readonly administration: Administration;
}): () => Promise<Measures> {
  const cacheBytes = new Map<string, number>();

  return async () => {
    const mirrors = await administration.mirrors();
    if (mirrors === undefined) return [];
    const countCache = async (namespace: string): Promise<void> => {
      const contents = await mirrors.contentsOf(namespace);
      cacheBytes.set(namespace, contents.bytes);
    };
    const database = await context.database();
    await Promise.all(mirrors.list.map((mirror) => mirror.flush()));
    const counting = Promise.all(
      mirrors.list.map(({ settings }) => countCache(settings.namespace)),
    ).catch(() => undefined);
    await Promise.race([counting, pause(waitForCacheMs, undefined, { ref: false })]);
    const sums = await database.mirrors.counters();
    const values = new Map<CounterName | GaugeName, MeasuredValue[]>();
    for (const { settings } of mirrors.list) {
      const { namespace: mirror, cacheSize } = settings;
      const add = (name: CounterName | GaugeName, value: number | undefined): void => {
        if (value === undefined) return;
        const known = values.get(name) ?? [];
        values.set(name, known);
        known.push({ labels: { mirror }, value });
      };
      const figures = figuresOf(sums.get(mirror));
      for (const [counter, name] of Object.entries(counters))
        add(name, figures.counters[counter] ?? 0);
      const { failure, limit } = await mirrors.healthOf(mirror);
      const { lastSuccessAt } = figures.gauges;
      add("berth_mirror_upstream_up", failure === undefined ? 1 : 0);
      add("berth_mirror_upstream_requests_remaining", limit?.remaining);
      add(
        "berth_mirror_last_success_timestamp_seconds",
        lastSuccessAt === undefined ? undefined : lastSuccessAt / 1_000,
      );
      add("berth_mirror_cache_bytes", cacheBytes.get(mirror));
      add("berth_mirror_cache_limit_bytes", cacheSize);
    }
    return [...values].map(([name, all]) => measureOf(name, all));
  };
}
