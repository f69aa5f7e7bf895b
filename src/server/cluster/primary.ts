import type { Worker } from "node:cluster";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import type { SharedServices } from "../../app/app-process.ts";
import type { SharedServicesOwner } from "../../app/server-app.ts";
import type { LoadedConfig } from "../../config/load.ts";
import type { Config } from "../../config/schema.ts";
import type { Logger } from "../../observability/logger.ts";
import { ProcessMetrics } from "../../observability/process-metrics.ts";
import { createReload, type ReloadedSettings } from "../reload.ts";
import { endOnSignals } from "../signals.ts";
import type { RunningServer } from "../start-server.ts";
import { PoolMetrics } from "./pool-metrics.ts";
import { forkWorker, shareOf, type Listening, type WorkerProcess } from "./worker-process.ts";

/*
 * The primary process: it starts the workers, and replaces a worker that dies. On SQLite it also has the one writer of
 * the database and the locks of uploads, and runs maintenance. On PostgreSQL each worker is a replica of its own.
 */

/** The time for workers to end after a second signal, before SIGKILL. */
const lastMs = 1_000;

/**
 * Starts `config.workers` processes that share one address and the shared services of `owner`, which is closed at the
 * end. Resolves when all workers listen; from then on like {@link RunningServer}, with the signals of this process.
 * @param owner `undefined`: the workers share no services
 * @throws the error of the first worker that could not start
 */
export async function startWorkers(
  owner: SharedServicesOwner | undefined,
  config: Config,
  logger: Logger,
  load: () => Promise<LoadedConfig>,
): Promise<RunningServer & Listening> {
  const workerPool = new WorkerPool(owner, config, logger);
  const address = await workerPool.start().catch((error: unknown) => {
    workerPool.kill();
    throw error;
  });
  const reload = createReload({
    ...{ config, load, logger },
    async apply(settings) {
      logger.level = settings.level;
      workerPool.reload(settings);
      await owner?.setMirrors(settings.mirrors);
    },
  });
  const ending = endOnSignals({
    signals: process,
    logger,
    drain: async (signal) => {
      const code = await workerPool.end(signal);
      await owner?.close();
      logger.info("all workers have ended");
      return code;
    },
    endNow: async (signal) => {
      workerPool.tell(signal);
      await pause(lastMs, undefined, { ref: false });
      workerPool.kill();
    },
    reload() {
      workerPool.tell("SIGHUP");
      void reload();
    },
  });
  return { ...address, ...ending };
}

/** After a worker that lived less than this, the start of the next one is delayed, longer each time. */
const quickDeathMs = 10_000;
const longestWaitMs = 10_000;

/** Keeps `config.workers` workers running until `end`. */
class WorkerPool {
  readonly #sharedServices: SharedServices | undefined;
  #config: Config;
  readonly #logger: Logger;
  readonly #metrics: PoolMetrics;
  readonly #alive = new Map<Worker, WorkerProcess>();
  /** Known when the first worker listens. */
  #address: Listening | undefined;
  #isEnding = false;
  #hasFailed = false;
  #quickDeaths = 0;
  #onLast = (): void => undefined;

  constructor(owner: SharedServicesOwner | undefined, config: Config, logger: Logger) {
    this.#sharedServices = owner;
    this.#metrics = new PoolMetrics(owner?.metrics ?? new ProcessMetrics());
    this.#config = config;
    this.#logger = logger;
  }

  async start(): Promise<Listening> {
    const { workers } = this.#config;
    const [first] = await Promise.all(Array.from({ length: workers }, () => this.#startOne()));
    if (first === undefined) throw new Error("workers is 0");
    this.#address = first;
    // Replaces workers that died during the start.
    for (let missing = workers - this.#alive.size; missing > 0; missing -= 1) this.#replace();
    return first;
  }

  /** Forwards a signal to all workers. */
  tell(signal: string): void {
    for (const one of this.#alive.values()) one.signal(signal);
  }

  /** All workers, also later ones, use these settings. */
  reload({ limits, level, mirrors }: ReloadedSettings): void {
    this.#config = { ...this.#config, limits, mirrors, log: { ...this.#config.log, level } };
    const share = shareOf(this.#config);
    for (const one of this.#alive.values()) one.reload({ limits: share.limits, level, mirrors });
  }

  /** Resolves after the last worker has exited: 0, or 1 if a worker had another exit code than 0. */
  async end(signal: string): Promise<number> {
    this.#isEnding = true;
    const last = new Promise<void>((resolve) => (this.#onLast = resolve));
    this.tell(signal);
    if (this.#alive.size > 0) await last;
    return this.#hasFailed ? 1 : 0;
  }

  kill(): void {
    this.#isEnding = true;
    for (const { process: child } of this.#alive.keys()) child.kill("SIGKILL");
  }

  async #startOne(): Promise<Listening> {
    const bornAtMs = performance.now();
    const one = forkWorker(this.#sharedServices, this.#settings(), this.#metrics);
    const { worker } = one;
    this.#alive.set(worker, one);
    this.#metrics.add(worker, one.collectMetrics);
    worker.once("exit", (code: number | null, signal: string | null) => {
      this.#alive.delete(worker);
      one.reclaim();
      this.#metrics.remove(worker);
      this.#onExit({ worker: worker.id, code, signal }, performance.now() - bornAtMs);
    });
    const address = await one.listening;
    this.#logger.info({ worker: worker.id, pid: worker.process.pid }, "a worker listens");
    // The end signal came before this worker listened.
    if (this.#isEnding) one.signal("SIGTERM");
    return address;
  }

  /**
   * The system releases a port that it chose (`listen: HOST:0`) with the last worker. From then on, all new workers
   * listen on that port by its number: `cluster` shares a socket only between workers that ask for the same port.
   */
  #settings(): Config {
    if (this.#address !== undefined && this.#alive.size === 0) {
      const { port } = this.#address;
      this.#config = { ...this.#config, listen: { ...this.#config.listen, port } };
    }
    return this.#config;
  }

  #onExit(exit: { worker: number; code: number | null; signal: string | null }, livedMs: number) {
    if (this.#isEnding) {
      if (exit.code !== 0) this.#hasFailed = true;
      if (this.#alive.size === 0) this.#onLast();
      return;
    }
    if (this.#address === undefined) return;
    this.#quickDeaths = livedMs < quickDeathMs ? this.#quickDeaths + 1 : 0;
    const waitMs =
      this.#quickDeaths === 0 ? 0 : Math.min(longestWaitMs, 50 * 2 ** this.#quickDeaths);
    this.#logger.error({ ...exit, waitMs }, "a worker has died; another one starts");
    setTimeout(() => this.#replace(), waitMs);
  }

  #replace(): void {
    // `#onExit` handles a failed start.
    if (!this.#isEnding) this.#startOne().catch(() => undefined);
  }
}
