import cluster, { type Worker } from "node:cluster";
import path from "node:path";
import type { SharedServices } from "../../app/context.ts";
import { deserializeError, type SerializedError } from "../../concurrency/serialized-error.ts";
import { configKeys } from "../../config/load.ts";
import type { Config } from "../../config/schema.ts";
import type { RunningServer } from "../start-server.ts";
import { createChannel, type Channel } from "./channel.ts";
import { serveSharedServices } from "./shared-services.ts";

/** The address on which all workers listen. */
export type Place = Pick<RunningServer, "url" | "port">;

export interface Forked {
  readonly worker: Worker;
  /** Forwards a signal to the worker. */
  readonly signal: (name: string) => void;
  /** Resolves when the worker listens; rejects with its error. */
  readonly listening: Promise<Place>;
  /** Releases the locks of the worker, after it has exited. */
  readonly reclaim: () => void;
}

/** Removes secrets from the environment of a worker: it gets its configuration over the channel. */
const withoutSecrets = Object.fromEntries(
  configKeys.filter(({ secret }) => secret).map(({ variable }) => [variable, undefined]),
);

/** Starts a worker, sends its configuration, and serves its requests for shared services. */
export function forkWorker(sharedServices: SharedServices, config: Config): Forked {
  cluster.setupPrimary({
    exec: path.join(import.meta.dirname, `worker${path.extname(import.meta.url)}`),
    args: [],
    serialization: "advanced",
  });
  const worker = cluster.fork(withoutSecrets);
  // Node's own messages to a worker that has just exited fail; `disconnect` reports the exit.
  worker.on("error", () => undefined);
  const lending = serveSharedServices(sharedServices, (): Channel => channel);
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
      answers: { ...lending.answers, begin: async () => shareOf(config) },
      notes: {
        ...lending.notes,
        listening: (place: Place) => onListening(place),
        failed: (failure: SerializedError) => onFailed(deserializeError(failure)),
      },
    },
  );
  // Not `exit`: it may come before the worker's last message.
  worker.once("disconnect", () => onFailed(new Error("a worker has ended before it listened")));
  return {
    worker,
    signal: (name) => channel.tell("signal", name),
    listening,
    reclaim: lending.reclaim,
  };
}

/** The configuration of one worker: the limits of connections are divided among the workers. */
function shareOf(config: Config): Config {
  const { limits, workers } = config;
  const share = (limit: number): number => Math.ceil(limit / workers);
  const connections = share(limits.connections);
  const connectionsPerAddress = share(limits.connectionsPerAddress);
  return { ...config, limits: { ...limits, connections, connectionsPerAddress } };
}
