import { openServerApp, openSharedServices, type ServerApp } from "../../src/app/server-app.ts";
import type { Config } from "../../src/config/schema.ts";
import type { Logger } from "../../src/observability/logger.ts";
import { createChannel, type Channel, type Port } from "../../src/server/cluster/channel.ts";
import {
  connectSharedServices,
  serveSharedServices,
} from "../../src/server/cluster/shared-services.ts";

/** Two connected ports, as between processes: messages arrive asynchronously, in order and as copies. */
export function connectedPorts(): readonly [Port, Port] & { cut(): void } {
  const listeners: [((message: unknown) => void)[], (() => void)[]][] = [
    [[], []],
    [[], []],
  ];
  const end = (mine: 0 | 1): Port => ({
    send: (message) => {
      const copy: unknown = structuredClone(message);
      setImmediate(() => listeners[1 - mine]?.[0].forEach((listener) => listener(copy)));
    },
    onMessage: (listener) => void listeners[mine]?.[0].push(listener),
    onGone: (listener) => void listeners[mine]?.[1].push(listener),
  });
  const cut = (): void => listeners.forEach(([, gone]) => gone.forEach((listener) => listener()));
  return Object.assign([end(0), end(1)] as const, { cut });
}

/**
 * The parts of two processes in one process. They answer requests alternately, so no request uses the in-memory state of
 * the request before it.
 */
export const assembleTwo = (config: Config, logger: Logger): Promise<ServerApp> =>
  config.database.url === undefined
    ? assembleWorkers(config, logger)
    : assembleReplicas(config, logger);

/** Two replicas on one PostgreSQL database. */
async function assembleReplicas(config: Config, logger: Logger): Promise<ServerApp> {
  const two = [await openServerApp(config, logger), await openServerApp(config, logger)] as const;
  return alternating(two, () => Promise.resolve());
}

/** The shared services of the first process of `workers: 2`, and two workers. */
async function assembleWorkers(config: Config, logger: Logger): Promise<ServerApp> {
  const lender = await openSharedServices(config, logger);
  const processes: Pick<ServerApp, "metrics">[] = [lender];
  const metricsOfAll = () => Promise.all(processes.map(({ metrics }) => metrics.collect()));
  const openWorker = async () => {
    const [theirs, ours] = connectedPorts();
    const lenders: Channel = createChannel(
      theirs,
      serveSharedServices(lender, () => lenders),
    );
    const { sharedServices, notes } = connectSharedServices((): Channel => borrowers);
    const borrowers: Channel = createChannel(ours, notes);
    return await openServerApp(config, logger, sharedServices, metricsOfAll);
  };
  const two = await Promise.all([openWorker(), openWorker()]);
  processes.push(...two);
  return alternating(two, () => lender.close());
}

function alternating(
  two: readonly [ServerApp, ServerApp],
  afterwards: () => Promise<void>,
): ServerApp {
  let turn = 0;
  const [first] = two;
  return {
    administrator: first.administrator,
    metrics: first.metrics,
    handle: (request, response) => {
      turn += 1;
      two[turn % 2]?.handle(request, response);
    },
    handleHealth: (request, response) => first.handleHealth(request, response),
    setLimits: (limits) => two.forEach((one) => one.setLimits(limits)),
    setMirrors: async (mirrors) => {
      for (const one of two) await one.setMirrors(mirrors);
    },
    drain: () => two.forEach(({ drain }) => drain()),
    close: async () => {
      for (const one of two) await one.close();
      await afterwards();
    },
  };
}
