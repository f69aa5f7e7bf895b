import { AggregatorRegistry, Registry, type RegistryContentType } from "prom-client";
import type { Measures } from "./process-metrics.ts";

/**
 * Returns all metrics, in a format that the client accepts.
 * @param accept the header `Accept`
 */
export type Metrics = (accept: string) => Promise<RenderedMetrics>;

interface RenderedMetrics {
  readonly body: string;
  readonly contentType: string;
}

/**
 * Renders the metrics of several processes as one: in the OpenMetrics format if the client accepts it, otherwise in the
 * text format of Prometheus.
 */
export async function renderMetrics(
  processes: readonly Measures[],
  accept: string,
): Promise<RenderedMetrics> {
  const isOpenMetrics = accept.includes("application/openmetrics-text");
  const registry = combine(isOpenMetrics ? processes.map(withFamilyNames) : processes);
  if (isOpenMetrics) registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return { body: await registry.metrics(), contentType: registry.contentType };
}

/** The counters and histograms of a process that has ended; its gauges are gone. */
export const countersOf = (measures: Measures): Measures =>
  measures.filter(({ type }) => type !== "gauge");

/** Adds the metrics of several processes. */
export const sumMeasures = async (processes: readonly Measures[]): Promise<Measures> =>
  (await combine(processes).getMetricsAsJSON()) as unknown as Measures;

const combine = (processes: readonly Measures[]): Registry<RegistryContentType> =>
  AggregatorRegistry.aggregate<RegistryContentType>([...processes]);

/** In OpenMetrics the name of a counter is without `_total`, and its values have it: prom-client adds it there. */
const withFamilyNames = (measures: Measures): Measures =>
  measures.map((measure) =>
    measure.type === "counter"
      ? { ...measure, name: measure.name.replace(/_total$/, "") }
      : measure,
  );
