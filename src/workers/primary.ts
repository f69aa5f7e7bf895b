import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { constants } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { assembleLender, type Lent } from "../assemble.ts";
import type { Config } from "../config/schema.ts";
import type { Logger } from "../observability/logger.ts";
import type { RunningServer } from "../server.ts";
import { createChannel, errorOf, type Channel, type Failure } from "./channel.ts";
import { lend } from "./lending.ts";

/*
 * The process behind those that answer: it has the one writer of the database and the locks of uploads, does the upkeep,
 * starts the workers, and puts another in the place of one that has died.
 */

type Place = Pick<RunningServer, "url" | "port">;

/** A worker that lived less long was not ended by chance: its successor waits, longer each time. */
const quickDeathMs = 10_000;
const longestWaitMs = 10_000;
/** What workers get to end by themselves after a second signal. */
const lastMs = 1_000;

/**
 * Starts `config.workers` processes that share one address. Resolves when all of them listen.
 * @throws what the first one that could not start has failed with
 */
export async function startWorkers(config: Config, logger: Logger): Promise<RunningServer> {
  const lender = await assembleLender(config, logger);
  try {
    return await superviseWorkers(config, logger, lender);
  } catch (error) {
    await lender.close();
    throw error;
  }
}

async function superviseWorkers(
  config: Config,
  logger: Logger,
  lender: Awaited<ReturnType<typeof assembleLender>>,
): Promise<RunningServer> {
  const extension = path.extname(import.meta.url);
  cluster.setupPrimary({
    exec: path.join(import.meta.dirname, `worker${extension}`),
    args: [],
    serialization: "advanced",
  });
  const alive = new Map<Worker, Channel>();
  let quickDeaths = 0;
  let exitCode = 0;
  let ending = false;
  let place: Place | undefined;
  let settings = config;
  let onLast: (() => void) | undefined;

  /** Resolves when the worker listens. */
  const startOne = (): Promise<Place> => {
    // A port that the system chose is given up with the last worker; its successors are to have it again.
    if (place !== undefined && alive.size === 0) settings = listeningAt(config, place.port);
    const bornAtMs = performance.now();
    const { worker, channel, listening, reclaim } = forkWorker(lender, settings);
    alive.set(worker, channel);
    const { pid } = worker.process;
    listening
      .then(() => {
        logger.info({ worker: worker.id, pid }, "a worker listens");
        // It was not there to hear it.
        if (ending) channel.tell("signal", "SIGTERM");
      })
      .catch(() => undefined);
    worker.once("exit", (code: number | null, signal: string | null) => {
      alive.delete(worker);
      reclaim();
      if (ending) {
        if (code !== 0 && exitCode === 0) exitCode = 1;
        if (alive.size === 0) onLast?.();
        return;
      }
      if (place === undefined) return;
      quickDeaths = performance.now() - bornAtMs < quickDeathMs ? quickDeaths + 1 : 0;
      const waitMs = quickDeaths === 0 ? 0 : Math.min(longestWaitMs, 50 * 2 ** quickDeaths);
      logger.error(
        { worker: worker.id, code, signal, waitMs },
        "a worker has died; another starts",
      );
      void pause(waitMs).then(() => {
        if (!ending) startOne().catch((error: unknown) => logger.error({ err: error }, "no start"));
      });
    });
    return listening;
  };

  const endAll = async (signal: string): Promise<void> => {
    ending = true;
    const last = new Promise<void>((resolve) => (onLast = resolve));
    for (const channel of alive.values()) channel.tell("signal", signal);
    if (alive.size > 0) await last;
  };
  const killAll = (): void => {
    for (const worker of alive.keys()) worker.process.kill("SIGKILL");
  };

  try {
    [place] = await Promise.all(Array.from({ length: config.workers }, startOne));
  } catch (error) {
    ending = true;
    killAll();
    throw error;
  }
  if (place === undefined) throw new Error("there is no worker");

  let finish: (code: number) => void;
  const ended = new Promise<number>((resolve) => (finish = resolve));
  const drain = (signal = "SIGTERM"): void => {
    if (ending) return;
    endAll(signal)
      .then(() => lender.close())
      .then(() => {
        logger.info("all ended");
        finish(exitCode);
      })
      .catch((error: unknown) => {
        logger.error({ err: error }, "closing failed");
        finish(1);
      });
  };
  const onSignal = (signal: "SIGTERM" | "SIGINT"): void => {
    if (!ending) return drain(signal);
    exitCode = 128 + constants.signals[signal];
    for (const channel of alive.values()) channel.tell("signal", signal);
    void pause(lastMs, undefined, { ref: false }).then(() => {
      killAll();
      finish(exitCode);
    });
  };
  const onHangup = (): void => {
    for (const channel of alive.values()) channel.tell("signal", "SIGHUP");
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  if (config.tls !== undefined) process.on("SIGHUP", onHangup);
  void ended.then(() =>
    process.off("SIGTERM", onSignal).off("SIGINT", onSignal).off("SIGHUP", onHangup),
  );
  return { ...place, drain: () => drain(), ended };
}

/** Starts a worker, serves what it asks for, and tells it its configuration. */
function forkWorker(lent: Lent, config: Config) {
  const worker = cluster.fork();
  const { answers, notes, reclaim } = lend(lent, (): Channel => channel);
  let onListening: (place: Place) => void;
  let onFailed: (error: Error) => void;
  const listening = new Promise<Place>((resolve, reject) => {
    onListening = resolve;
    onFailed = reject;
  });
  const channel = createChannel(
    {
      send: (message) => {
        if (worker.isConnected()) worker.send(message as object, () => undefined);
      },
      onMessage: (listener) => void worker.on("message", listener),
      onGone: (listener) => void worker.once("disconnect", listener),
    },
    {
      answers: { ...answers, begin: async () => shareOf(config) },
      notes: {
        ...notes,
        listening: (place: Place) => onListening(place),
        failed: (failure: Failure) => onFailed(errorOf(failure)),
      },
    },
  );
  // Not its exit, which may come before what it said last.
  void once(worker, "disconnect").then(() =>
    onFailed(new Error("a worker has ended before it listened")),
  );
  return { worker, channel, listening, reclaim };
}

/** What one of the workers gets: limits of connections are for all of them together. */
function shareOf(config: Config): Config {
  const { limits, workers } = config;
  const connections = Math.ceil(limits.connections / workers);
  return { ...config, limits: { ...limits, connections } };
}

const listeningAt = (config: Config, port: number): Config => ({
  ...config,
  listen: { ...config.listen, port },
});
