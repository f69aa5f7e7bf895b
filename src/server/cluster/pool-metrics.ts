import { setTimeout as pause } from "node:timers/promises";
import { countersOf, sumMeasures } from "../../observability/metrics.ts";
import type { Measures, ProcessMetrics } from "../../observability/process-metrics.ts";

/** A worker that does not answer in this time is shown with its last values. */
const answerWithinMs = 2_000;

/**
 * The metrics of the primary process and of its workers. The counters never go down: a worker that has ended stays in
 * them with the values of the last scrape.
 */
export class PoolMetrics {
  readonly #own: ProcessMetrics;
  readonly #workers = new Map<object, Scraped>();
  /** Of the workers that have ended. */
  #ended: readonly Measures[] = [];

  constructor(own: ProcessMetrics) {
    this.#own = own;
  }

  /** @param collect asks the worker for its metrics */
  add(worker: object, collect: () => Promise<Measures>): void {
    this.#workers.set(worker, { collect, last: [] });
  }

  /** The worker has ended. */
  remove(worker: object): void {
    const last = this.#workers.get(worker)?.last ?? [];
    this.#workers.delete(worker);
    this.#ended = [...this.#ended, countersOf(last)];
  }

  /** The metrics of each process, as {@link renderMetrics} combines them. */
  async collect(): Promise<readonly Measures[]> {
    await this.#joinEnded();
    // Of the same moment as the workers: one that ends meanwhile must not count twice.
    const ended = this.#ended;
    const workers = [...this.#workers.values()].map(async (worker) => {
      const answered = new AbortController();
      const late = pause(answerWithinMs, undefined, { signal: answered.signal });
      const measures = await Promise.race([worker.collect(), late]).catch(() => undefined);
      answered.abort();
      worker.last = measures ?? worker.last;
      return worker.last;
    });
    return [...ended, await this.#own.collect(), ...(await Promise.all(workers))];
  }

  /** Workers can end again and again. */
  async #joinEnded(): Promise<void> {
    const ended = this.#ended;
    if (ended.length < 2) return;
    const sum = await sumMeasures(ended);
    if (this.#ended === ended) this.#ended = [sum];
  }
}

interface Scraped {
  readonly collect: () => Promise<Measures>;
  /** The values of the last scrape. */
  last: Measures;
}
