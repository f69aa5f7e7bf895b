import cluster, { type Worker } from "node:cluster";
import path from "node:path";
import type { SharedServices } from "../../app/assemble.ts";
import { configKeys } from "../../config/load.ts";
import type { Config } from "../../config/schema.ts";
import type { RunningServer } from "../start-server.ts";
import { createChannel, errorOf, type Channel, type SerializedError } from "./channel.ts";
import { serveSharedServices } from "./shared-services.ts";

/** Where all workers listen. */
export type Place = Pick<RunningServer, "url" | "port">;

export interface Forked {
  readonly worker: Worker;
  /** Tells it of a signal. */
  readonly signal: (name: string) => void;
  /** Resolves when it listens, rejects with what it failed with. */
  readonly listening: Promise<Place>;
  /** Takes back what it had borrowed; when it is gone. */
  readonly reclaim: () => void;
}

/** A worker has its configuration from us: in its environment, which it would hand on, no secret has to stand. */
const withoutSecrets = Object.fromEntries(
  configKeys.filter(({ secret }) => secret).map(({ variable }) => [variable, undefined]),
);

/** Starts a worker, tells it its configuration, and serves what it asks for. */
export function forkWorker(sharedServices: SharedServices, config: Config): Forked {
  cluster.setupPrimary({
    exec: path.join(import.meta.dirname, `worker${path.extname(import.meta.url)}`),
    args: [],
    serialization: "advanced",
  });
  const worker = cluster.fork(withoutSecrets);
  // What Node itself tells a worker that has just gone finds nobody: `disconnect` says so.
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
        failed: (failure: SerializedError) => onFailed(errorOf(failure)),
      },
    },
  );
  // Not its exit, which may come before what it said last.
  worker.once("disconnect", () => onFailed(new Error("a worker has ended before it listened")));
  return {
    worker,
    signal: (name) => channel.tell("signal", name),
    listening,
    reclaim: lending.reclaim,
  };
}

/** What one of the workers gets: connections are limited for all of them together. */
function shareOf(config: Config): Config {
  const { limits, workers } = config;
  const share = (limit: number): number => Math.ceil(limit / workers);
  const connections = share(limits.connections);
  const connectionsPerAddress = share(limits.connectionsPerAddress);
  return { ...config, limits: { ...limits, connections, connectionsPerAddress } };
}
