import cluster from "node:cluster";
import { EventEmitter } from "node:events";
import process from "node:process";
import type { ServerApp } from "../../app/server-app.ts";
import { serializeError } from "../../concurrency/serialized-error.ts";
import type { Config } from "../../config/schema.ts";
import { createLogger } from "../../observability/logger.ts";
import type { Measures } from "../../observability/process-metrics.ts";
import type { ReloadedSettings } from "../reload.ts";
import { createChannel, type Channel, type Port } from "./channel.ts";
import { connectSharedServices } from "./shared-services.ts";

/*
 * A process that answers requests. `primary.ts` starts it and sends its configuration. It ends on a signal message of
 * the primary, or when the primary has exited.
 */

const signals = new EventEmitter();
const port: Port = {
  send: (message) => void process.send?.(message, undefined, undefined, () => undefined),
  onMessage: (listener) => void process.on("message", listener),
  // The cluster module ends the process on this event.
  onGone: (listener) => void process.on("disconnect", listener),
};

// A terminal or a service manager signals each process. The primary forwards signals, so the worker ignores its own.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => undefined);

const { sharedServices, notes } = connectSharedServices((): Channel => channel);
let app: ServerApp | undefined;
const channel = createChannel(port, {
  answers: { metrics: async () => (await app?.metrics.collect()) ?? [] },
  notes: {
    ...notes.notes,
    signal: (name: string) => void signals.emit(name, name),
    reload: (settings: ReloadedSettings) => void signals.emit("reload", settings),
  },
});
try {
  const config = (await channel.ask("begin")) as Config;
  const logger = createLogger(config.log).child({ worker: cluster.worker?.id });
  // In steps, because Node opens all files of an import at once, and a process may have only 64 descriptors.
  await import("../../app/context.ts");
  const { openServerApp } = await import("../../app/server-app.ts");
  const { startServer } = await import("../start-server.ts");
  // On PostgreSQL the worker is a replica of its own.
  const isReplica = config.database.url !== undefined;
  const metricsOfAll = async () => (await channel.ask("metricsOfAll")) as readonly Measures[];
  const opened = await openServerApp(
    config,
    logger,
    isReplica ? undefined : sharedServices,
    metricsOfAll,
  );
  app = opened;
  signals.on("reload", ({ limits, level, mirrors }: ReloadedSettings) => {
    logger.level = level;
    opened.setLimits(limits);
    opened.setMirrors(mirrors).catch((err: unknown) => {
      logger.error({ err }, "SIGHUP: the mirrors could not be changed; Berth tries it again");
    });
  });
  const server = await startServer(config, opened, logger, { signals });
  const { administrator } = app;
  channel.tell("listening", { url: server.url, port: server.port, administrator });
  process.exit(await server.ended);
} catch (error) {
  process.send?.({ kind: "tell", name: "failed", input: serializeError(error) }, () =>
    process.exit(1),
  );
}
