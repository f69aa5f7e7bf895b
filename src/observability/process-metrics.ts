import type { Registry } from "prom-client";
import {
  definitionOf,
  type CounterName,
  type GaugeName,
  type HistogramName,
  type MetricName,
} from "./metric-table.ts";

/*
 * The metrics of one process. A value is a plain number in an object that its user keeps, because the fast path
 * counts each request: an update by prom-client finds its labels again, which costs 1 µs.
 */

/** A metric with its values: the plain data that prom-client exports and combines. */
export interface Measure {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator: string;
  readonly values: readonly MeasuredValue[];
}

export interface MeasuredValue {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** For a histogram: the name with `_bucket`, `_sum` or `_count`. */
  readonly metricName?: string;
}

export type Measures = readonly Measure[];

/** A value of a counter or of a gauge. */
export class Measured {
  value = 0;

  add(by = 1): void {
    this.value += by;
  }
}

/** The values of a histogram for one set of labels. */
export class MeasuredDurations {
  readonly bounds: readonly number[];
  /** By bucket, not cumulative; the last one is without a bound. */
  readonly counts: number[];
  seconds = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  /** Adds the time since `sinceMs` of `performance.now()`, and returns it in milliseconds. */
  observe(sinceMs: number): number {
    const elapsedMs = performance.now() - sinceMs;
    const seconds = elapsedMs / 1_000;
    const { bounds, counts } = this;
    let bucket = 0;
    while (bucket < bounds.length && seconds > (bounds[bucket] ?? 0)) bucket += 1;
    counts[bucket] = (counts[bucket] ?? 0) + 1;
    this.seconds += seconds;
    return elapsedMs;
  }
}

interface Series<Value> {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: Value;
}
type Family<Value> = Map<string, Series<Value>>;

/** The metrics of one process. */
export class ProcessMetrics {
  readonly #values = new Map<CounterName | GaugeName, Family<Measured>>();
  readonly #durations = new Map<HistogramName, Family<MeasuredDurations>>();
  readonly #readings: (() => void)[] = [];
  #standard: Registry | undefined;

  constructor() {
    this.gauge("berth_processes").value = 1;
  }

  /** The counter with these label values, in the order of the table; the same object for each call. */
  counter(name: CounterName, ...labels: readonly string[]): Measured {
    return find(this.#values, name, labels, () => new Measured());
  }

  gauge(name: GaugeName, ...labels: readonly string[]): Measured {
    return find(this.#values, name, labels, () => new Measured());
  }

  histogram(name: HistogramName, ...labels: readonly string[]): MeasuredDurations {
    const { buckets = [] } = definitionOf(name);
    return find(this.#durations, name, labels, () => new MeasuredDurations(buckets));
  }

  /** Calls `read` before the values are collected: for values that are read and not counted. */
  onCollect(read: () => void): void {
    this.#readings.push(read);
  }

  /** The values now, with those of Node.js and of the process, which are measured since the first call. */
  async collect(): Promise<Measures> {
    for (const read of this.#readings) read();
    return [
      ...[...this.#values].map(([name, family]) =>
        measureOf(
          name,
          [...family.values()].map(({ labels, value }) => ({ labels, value: value.value })),
        ),
      ),
      ...[...this.#durations].map(([name, family]) =>
        measureOf(
          name,
          [...family.values()].flatMap((series) => bucketsOf(name, series)),
        ),
      ),
      ...(await this.#collectStandard()),
    ];
  }

  async #collectStandard(): Promise<Measures> {
    if (this.#standard === undefined) {
      // Loaded here, so that commands start without it. The bundle of a CommonJS module has only the default export.
      const { collectDefaultMetrics, Registry: Standard } = (await import("prom-client")).default;
      if (this.#standard === undefined) {
        this.#standard = new Standard();
        collectDefaultMetrics({ register: this.#standard });
      }
    }
    const measures = (await this.#standard.getMetricsAsJSON()) as unknown as Measures;
    return measures.map((measure) =>
      // prom-client would omit the start of a process, as it does not know which one to show.
      measure.aggregator === "omit" ? { ...measure, aggregator: "min" } : measure,
    );
  }
}

/** A metric of the table with its values. */
export function measureOf(name: MetricName, values: readonly MeasuredValue[]): Measure {
  const { type, help, combine = "sum" } = definitionOf(name);
  return { name, help, type, aggregator: combine, values };
}

function find<Name extends MetricName, Value>(
  families: Map<Name, Family<Value>>,
  name: Name,
  values: readonly string[],
  create: () => Value,
): Value {
  const family = families.get(name) ?? new Map<string, Series<Value>>();
  families.set(name, family);
  const key = values.join("\0");
  const known = family.get(key);
  if (known !== undefined) return known.value;
  const { labels: names = [] } = definitionOf(name);
  const labels = Object.fromEntries(names.map((label, at) => [label, values[at] ?? ""]));
  const value = create();
  family.set(key, { labels, value });
  return value;
}

/** A bucket counts the values up to its bound. */
function bucketsOf(
  name: HistogramName,
  { labels, value: { bounds, counts, seconds } }: Series<MeasuredDurations>,
): readonly MeasuredValue[] {
  let count = 0;
  const buckets = counts.map((inBucket, at) => {
    count += inBucket;
    const le = bounds[at] ?? "+Inf";
    return { labels: { ...labels, le }, value: count, metricName: `${name}_bucket` };
  });
  return [
    ...buckets,
    { labels, value: seconds, metricName: `${name}_sum` },
    { labels, value: count, metricName: `${name}_count` },
  ];
}
