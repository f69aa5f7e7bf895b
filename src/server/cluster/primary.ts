import type { Worker } from "node:cluster";
import { constants } from "node:os";
import process from "node:process";
import type { SharedServicesOwner, SharedServices } from "../../app/assemble.ts";
import type { Config } from "../../config/schema.ts";
import type { Logger } from "../../observability/logger.ts";
import type { RunningServer } from "../start-server.ts";
import { forkWorker, type Forked, type Place } from "./fork.ts";

/*
 * The process behind those that answer: it has the one writer of the database and the locks of uploads, does maintenance,
 * starts the workers, and puts another in the place of one that has died.
 */

/** A worker that lived less long was not ended by chance: its successor waits, longer each time. */
const quickDeathMs = 10_000;
const longestWaitMs = 10_000;
/** What workers get to end by themselves after a second signal. */
const lastMs = 1_000;

/**
 * Starts `config.workers` processes that share one address and use the shared services of this one, which is closed at the end. Resolves when all of them listen; from then on as
 * {@link RunningServer} says, with the signals of this process.
 * @throws what the first one that could not start has failed with
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
  // Without a certificate a closed terminal ends the process, as it does by default.
  if (config.tls !== undefined) process.on("SIGHUP", onHangup);
  void ended.then(() =>
    process.off("SIGTERM", onSignal).off("SIGINT", onSignal).off("SIGHUP", onHangup),
  );
  return { ...place, drain: () => void (ending || drain("SIGTERM")), ended };
}

/** As many workers as there are to be, until they are told to end. */
function createWorkerPool(sharedServices: SharedServices, config: Config, logger: Logger) {
  const alive = new Map<Worker, Forked>();
  let settings = config;
  let place: Place | undefined;
  let ending = false;
  let failed = false;
  let quickDeaths = 0;
  let onLast = (): void => undefined;

  const replace = (): void => {
    // Its death is seen, and waited for, by `onExit`.
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
    // A port that the system chose is given up with the last worker; its successors are to have it again.
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
    // It was not there yet to hear of it.
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
      // Whoever died meanwhile.
      for (let missing = config.workers - alive.size; missing > 0; missing -= 1) replace();
      return first;
    },
    tell,
    /** Resolves when the last one has ended: 0, or 1 if one of them did not end well. */
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
