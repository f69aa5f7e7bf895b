import { Counter, Gauge, Registry, collectDefaultMetrics } from "prom-client";

/** The figures of one mirror, summed over all processes that share its data folder. */
interface MirrorFigures {
  readonly namespace: string;
  readonly counters: Readonly<Record<string, number>>;
  /** Current values; `undefined`: unknown. */
  readonly gauges: Readonly<Record<string, number | undefined>>;
}

/** Returns all metrics in the Prometheus text format. */
export type Metrics = () => Promise<{ readonly body: string; readonly contentType: string }>;

interface Settings {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly ["upstream"];
  readonly registers: Registry[];
}

const snake = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export function createMetrics(mirrors: () => Promise<readonly MirrorFigures[]>): Metrics {
  const registry = new Registry();
  let isPrepared = false;
  const made = new Map<string, Counter | Gauge>();

  const measure = <M extends Counter | Gauge>(
    Kind: new (settings: Settings) => M,
    name: string,
    what: string,
  ): M => {
    const known = made.get(name) as M | undefined;
    if (known !== undefined) return known;
    const labelNames = ["upstream"] as const;
    const help = `Mirror: ${snake(what).replaceAll("_", " ")}`;
    const fresh = new Kind({ name, help, labelNames, registers: [registry] });
    made.set(name, fresh);
    return fresh;
  };

  return async () => {
    if (!isPrepared) collectDefaultMetrics({ register: registry });
    isPrepared = true;
    for (const { namespace: upstream, counters, gauges } of await mirrors()) {
      for (const [what, value] of Object.entries(counters)) {
        const counter = measure(Counter, `berth_mirror_${snake(what)}_total`, what);
        counter.remove({ upstream });
        counter.inc({ upstream }, value);
      }
      for (const [what, value] of Object.entries(gauges))
        if (value !== undefined)
          measure(Gauge, `berth_mirror_${snake(what)}`, what).set({ upstream }, value);
    }
    return { body: await registry.metrics(), contentType: registry.contentType };
  };
}
