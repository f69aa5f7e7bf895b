import { Counter, Gauge, Registry, collectDefaultMetrics } from "prom-client";

/** What is measured of one mirror. */
export interface MirrorFigures {
  readonly namespace: string;
  readonly counters: Readonly<Record<string, number>>;
  /** Requests that the upstream still allows, if it says so. */
  readonly remaining: number | undefined;
}

/** Everything that is measured, as Prometheus reads it. */
export type Metrics = () => Promise<{ readonly body: string; readonly contentType: string }>;

const snake = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export function createMetrics(mirrors: () => readonly MirrorFigures[]): Metrics {
  const registry = new Registry();
  let isPrepared = false;
  const counters = new Map<string, Counter>();
  const labels = ["upstream"] as const;
  let remaining: Gauge | undefined;

  const counterOf = (name: string): Counter => {
    const known = counters.get(name);
    if (known !== undefined) return known;
    const made = new Counter({
      name: `berth_mirror_${snake(name)}_total`,
      help: `Mirror: ${snake(name).replaceAll("_", " ")}`,
      labelNames: labels,
      registers: [registry],
    });
    counters.set(name, made);
    return made;
  };

  return async () => {
    if (!isPrepared) collectDefaultMetrics({ register: registry });
    isPrepared = true;
    for (const { namespace, counters: values, remaining: left } of mirrors()) {
      for (const [name, value] of Object.entries(values)) {
        const counter = counterOf(name);
        counter.remove({ upstream: namespace });
        counter.inc({ upstream: namespace }, value);
      }
      if (left === undefined) continue;
      remaining ??= new Gauge({
        name: "berth_mirror_upstream_requests_remaining",
        help: "Mirror: requests that the upstream still allows",
        labelNames: labels,
        registers: [registry],
      });
      remaining.set({ upstream: namespace }, left);
    }
    return { body: await registry.metrics(), contentType: registry.contentType };
  };
}
