import type { Worker } from "node:cluster";
import { constants } from "node:os";
import process from "node:process";
import type { SharedServices } from "../../app/context.ts";
import type { SharedServicesOwner } from "../../app/server-app.ts";
import type { Config } from "../../config/schema.ts";
import type { Logger } from "../../observability/logger.ts";
import type { RunningServer } from "../start-server.ts";
import { forkWorker, type Forked, type Place } from "./fork.ts";

/*
 * The primary process: it has the one writer of the database and the locks of uploads, runs maintenance, starts the
 * workers, and replaces a worker that dies.
 */

/** After a worker that lived less than this, the start of the next one is delayed, longer each time. */
const quickDeathMs = 10_000;
const longestWaitMs = 10_000;
/** The time for workers to end after a second signal, before SIGKILL. */
const lastMs = 1_000;

/**
 * Starts `config.workers` processes that share one address and the shared services of `owner`, which is closed at the
 * end. Resolves when all workers listen; from then on like {@link RunningServer}, with the signals of this process.
 * @throws the error of the first worker that could not start
 */
export async function startWorkers(
  owner: SharedServicesOwner,
  config: Config,
  logger: Logger,
): Promise<RunningServer> {
  const workerPool = createWorkerPool(owner, config, logger);
  let place: Place;
  try {
    place = await workerPool.start();
  } catch (error) {
    workerPool.kill();
    throw error;
  }

  let finish: (code: number) => void;
  const ended = new Promise<number>((resolve) => (finish = resolve));
  let ending = false;
  let forced: number | undefined;
  const end = async (signal: string): Promise<void> => {
    ending = true;
    const code = await workerPool.end(signal);
    await owner.close();
    logger.info("all ended");
    finish(forced ?? code);
  };
  const drain = (signal: string): void => {
    end(signal).catch((error: unknown) => {
      logger.error({ err: error }, "closing failed");
      finish(1);
    });
  };
  const onSignal = (signal: "SIGTERM" | "SIGINT"): void => {
    if (!ending) return drain(signal);
    const code = 128 + constants.signals[signal];
    forced = code;
    workerPool.tell(signal);
    setTimeout(() => {
      workerPool.kill();
      finish(code);
    }, lastMs).unref();
  };
  const onHangup = (): void => workerPool.tell("SIGHUP");
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  // Without a certificate SIGHUP keeps its default: a closed terminal ends the process.
  if (config.tls !== undefined) process.on("SIGHUP", onHangup);
  void ended.then(() =>
    process.off("SIGTERM", onSignal).off("SIGINT", onSignal).off("SIGHUP", onHangup),
  );
  return { ...place, drain: () => void (ending || drain("SIGTERM")), ended };
}

/** Keeps `config.workers` workers running until `end`. */
function createWorkerPool(sharedServices: SharedServices, config: Config, logger: Logger) {
  const alive = new Map<Worker, Forked>();
  let settings = config;
  let place: Place | undefined;
  let ending = false;
  let failed = false;
  let quickDeaths = 0;
  let onLast = (): void => undefined;

  const replace = (): void => {
    // `onExit` handles a failed start.
    if (!ending) startOne().catch(() => undefined);
  };
  const onExit = (one: Forked, livedMs: number, code: number | null, signal: string | null) => {
    alive.delete(one.worker);
    one.reclaim();
    if (ending) {
      if (code !== 0) failed = true;
      if (alive.size === 0) onLast();
      return;
    }
    if (place === undefined) return;
    quickDeaths = livedMs < quickDeathMs ? quickDeaths + 1 : 0;
    const waitMs = quickDeaths === 0 ? 0 : Math.min(longestWaitMs, 50 * 2 ** quickDeaths);
    const { id } = one.worker;
    logger.error({ worker: id, code, signal, waitMs }, "a worker has died; another starts");
    setTimeout(replace, waitMs);
  };
  const startOne = async (): Promise<Place> => {
    // The system releases a chosen port with the last worker; new workers must get the same port.
    if (place !== undefined && alive.size === 0)
      settings = { ...config, listen: { ...config.listen, port: place.port } };
    const bornAtMs = performance.now();
    const one = forkWorker(sharedServices, settings);
    const { worker } = one;
    alive.set(worker, one);
    worker.once("exit", (code: number | null, signal: string | null) =>
      onExit(one, performance.now() - bornAtMs, code, signal),
    );
    const found = await one.listening;
    logger.info({ worker: worker.id, pid: worker.process.pid }, "a worker listens");
    // The end signal came before this worker listened.
    if (ending) one.signal("SIGTERM");
    return found;
  };
  const tell = (signal: string): void => {
    for (const { signal: hear } of alive.values()) hear(signal);
  };

  return {
    async start(): Promise<Place> {
      const [first] = await Promise.all(Array.from({ length: config.workers }, startOne));
      if (first === undefined) throw new Error("there is no worker");
      place = first;
      // Replaces workers that died during the start.
      for (let missing = config.workers - alive.size; missing > 0; missing -= 1) replace();
      return first;
    },
    tell,
    /** Resolves after the last worker has exited: 0, or 1 if a worker had another exit code than 0. */
    async end(signal: string): Promise<number> {
      ending = true;
      const last = new Promise<void>((resolve) => (onLast = resolve));
      tell(signal);
      if (alive.size > 0) await last;
      return failed ? 1 : 0;
    },
    kill(): void {
      ending = true;
      for (const { process: child } of alive.keys()) child.kill("SIGKILL");
    },
  };
}
