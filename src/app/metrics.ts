import type { Administration } from "../http/api/admin/administration.ts";
import type { Readiness } from "../http/ops/health.ts";
import { renderMetrics, type Metrics } from "../observability/metrics.ts";
import type { Measures } from "../observability/process-metrics.ts";
import type { AppContext } from "./context.ts";
import { createMirrorMeasures } from "./mirror-measures.ts";
import { createStateMeasures } from "./state-measures.ts";

/**
 * All metrics of a server: those of its processes, added, and the state of the registry, read once. While the database
 * is away there is no state, and the rest is answered.
 */
export function createMetrics(parts: {
  readonly context: AppContext;
  readonly administration: Administration;
  readonly readiness: () => Promise<Readiness>;
  /** The metrics of all processes of this server. */
  readonly processes: () => Promise<readonly Measures[]>;
}): Metrics {
  const { logger } = parts.context;
  const readState = createStateMeasures(parts);
  const readMirrors = createMirrorMeasures(parts);
  const orNothing = (read: () => Promise<Measures>): Promise<Measures> =>
    read().catch((error: unknown) => {
      logger.warn({ err: error }, "the state of the registry cannot be read for /metrics");
      return [];
    });
  return async (accept) => {
    const [processes, ...state] = await Promise.all([
      parts.processes(),
      orNothing(readState),
      orNothing(readMirrors),
    ]);
    return renderMetrics([...processes, ...state], accept);
  };
}
