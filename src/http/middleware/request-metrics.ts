import type {
  Measured,
  MeasuredDurations,
  ProcessMetrics,
} from "../../observability/process-metrics.ts";

/** Methods with a label of their own; the parser of Node.js accepts about 30 others. */
const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** The counters of one route, method and class of status. */
export class RequestCounters {
  readonly #requests: Measured;
  readonly #durations: MeasuredDurations;

  constructor(requests: Measured, durations: MeasuredDurations) {
    this.#requests = requests;
    this.#durations = durations;
  }

  /** Counts a request that has been answered. `beganAtMs` is of `performance.now()`. Returns its duration. */
  count(beganAtMs: number): number {
    this.#requests.add();
    return this.#durations.observe(beganAtMs);
  }
}

/** Counts requests by route: by its pattern, never by a path, which a client chooses. */
export class RequestMetrics {
  readonly #metrics: ProcessMetrics;

  constructor(metrics: ProcessMetrics) {
    this.#metrics = metrics;
  }

  /**
   * @param route the path pattern of the route table, or `none`
   * @param status `undefined`: the client left before the answer
   */
  of(route: string, method: string, status: number | undefined): RequestCounters {
    const label = methods.has(method) ? method : "other";
    const statusClass = status === undefined ? "none" : `${Math.trunc(status / 100)}xx`;
    return new RequestCounters(
      this.#metrics.counter("berth_http_requests_total", route, label, statusClass),
      this.#metrics.histogram("berth_http_request_duration_seconds", route),
    );
  }
}
