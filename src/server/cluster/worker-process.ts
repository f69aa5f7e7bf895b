import cluster, { type Worker } from "node:cluster";
import path from "node:path";
import type { SharedServices } from "../../app/app-process.ts";
import type { ServerApp } from "../../app/server-app.ts";
import { deserializeError, type SerializedError } from "../../concurrency/serialized-error.ts";
import { configKeys } from "../../config/load.ts";
import type { Config } from "../../config/schema.ts";
import type { Measures } from "../../observability/process-metrics.ts";
import type { ReloadedSettings } from "../reload.ts";
import type { RunningServer } from "../start-server.ts";
import { createChannel, type Channel } from "./channel.ts";
import type { PoolMetrics } from "./pool-metrics.ts";
import { serveSharedServices } from "./shared-services.ts";

/* One worker, as the primary process sees it. */

/** The address on which all workers listen, and what one of them says of the registry. */
export type Listening = Pick<RunningServer, "url" | "port"> & Pick<ServerApp, "administrator">;

export interface WorkerProcess {
  readonly worker: Worker;
  /** Forwards a signal to the worker. */
  readonly signal: (name: string) => void;
  readonly reload: (settings: ReloadedSettings) => void;
  /** Resolves when the worker listens; rejects with its error. */
  readonly listening: Promise<Listening>;
  readonly collectMetrics: () => Promise<Measures>;
  /** Releases the locks of the worker, after it has exited. */
  readonly reclaim: () => void;
}

/** Removes secrets from the environment of a worker: it gets its configuration over the channel. */
const withoutSecrets = Object.fromEntries(
  configKeys.filter(({ secret }) => secret).map(({ variable }) => [variable, undefined]),
);

/** Starts a worker, sends its configuration, and serves its requests for shared services. */
export function forkWorker(
  sharedServices: SharedServices | undefined,
  config: Config,
  metrics: Pick<PoolMetrics, "collect">,
): WorkerProcess {
  cluster.setupPrimary({
    exec: path.join(import.meta.dirname, `worker${path.extname(import.meta.url)}`),
    args: [],
    serialization: "advanced",
  });
  const worker = cluster.fork(withoutSecrets);
  // Node's own messages to a worker that has just exited fail; `disconnect` reports the exit.
  worker.on("error", () => undefined);
  const services = sharedServices && serveSharedServices(sharedServices, (): Channel => channel);
  let onListening: (address: Listening) => void;
  let onFailed: (error: Error) => void;
  const listening = new Promise<Listening>((resolve, reject) => {
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
      answers: {
        ...services?.answers,
        begin: async () => shareOf(config),
        metricsOfAll: () => metrics.collect(),
      },
      notes: {
        ...services?.notes,
        listening: (address: Listening) => onListening(address),
        failed: (failure: SerializedError) => onFailed(deserializeError(failure)),
      },
    },
  );
  // Not `exit`: it may come before the worker's last message.
  worker.once("disconnect", () => onFailed(new Error("a worker has ended before it listened")));
  return {
    worker,
    signal: (name) => channel.tell("signal", name),
    reload: (settings) => channel.tell("reload", settings),
    listening,
    collectMetrics: async () => (await channel.ask("metrics")) as Measures,
    reclaim: services?.reclaim ?? (() => undefined),
  };
}

/** The configuration of one worker: the limits of connections are divided among the workers. */
export function shareOf(config: Config): Config {
  const { limits, workers } = config;
  const share = (limit: number): number => Math.ceil(limit / workers);
  const connections = share(limits.connections);
  const connectionsPerAddress = share(limits.connectionsPerAddress);
  return { ...config, limits: { ...limits, connections, connectionsPerAddress } };
}
