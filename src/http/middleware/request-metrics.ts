import type {
  Measured,
  MeasuredDurations,
  ProcessMetrics,
} from "../../observability/process-metrics.ts";

/** Methods with a label of their own; the parser of Node.js accepts about 30 others. */
const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"] as const;
const other = methods.indexOf("other");
/** `none`: the client left before the answer. */
const statusClasses = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;

/** The position of a method in `methods`. A comparison of short constants is cheaper than a Map. */
function methodIndex(method: string): number {
  switch (method) {
    case "GET":
      return 0;
    case "HEAD":
      return 1;
    case "POST":
      return 2;
    case "PUT":
      return 3;
    case "PATCH":
      return 4;
    case "DELETE":
      return 5;
    case "OPTIONS":
      return 6;
    default:
      return other;
  }
}

/** The counters of one route. Each is made by the first request of its method and class of status. */
class RouteMetrics {
  readonly #make: (at: number) => Measured;
  /** By method, then by class of status: a request finds its counter by a number. */
  readonly #requests: (Measured | undefined)[];
  readonly #durations: MeasuredDurations;

  constructor(metrics: ProcessMetrics, route: string) {
    this.#make = (at) =>
      metrics.counter(
        "berth_http_requests_total",
        route,
        methods[Math.trunc(at / statusClasses.length)] ?? "other",
        statusClasses[at % statusClasses.length] ?? "none",
      );
    this.#requests = Array.from({ length: methods.length * statusClasses.length }, () => undefined);
    this.#durations = metrics.histogram("berth_http_request_duration_seconds", route);
  }

  /**
   * Counts a request that has been answered, and returns its duration in milliseconds.
   * @param status `undefined`: the client left before the answer
   * @param beganAtMs of `performance.now()`
   */
  count(method: string, status: number | undefined, beganAtMs: number): number {
    const statusClass = status === undefined ? 0 : Math.min(5, Math.trunc(status / 100));
    const at = methodIndex(method) * statusClasses.length + statusClass;
    const requests = (this.#requests[at] ??= this.#make(at));
    requests.add();
    return this.#durations.observe(beganAtMs);
  }
}

/** Counts requests by route: by its pattern, never by a path, which a client chooses. */
export class RequestMetrics {
  readonly #metrics: ProcessMetrics;
  readonly #routes = new Map<string, RouteMetrics>();

  constructor(metrics: ProcessMetrics) {
    this.#metrics = metrics;
  }

  /**
   * The counters of a route; the same object for each call. The fast path keeps those of its routes.
   * @param route the path pattern of the route table, or `none`
   */
  of(route: string): RouteMetrics {
    const known = this.#routes.get(route);
    if (known !== undefined) return known;
    const made = new RouteMetrics(this.#metrics, route);
    this.#routes.set(route, made);
    return made;
  }
}
