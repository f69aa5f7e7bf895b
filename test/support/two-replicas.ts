import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { openServerApp } from "../../src/app/server-app.ts";
import type { Config } from "../../src/config/schema.ts";
import type { Logger } from "../../src/observability/logger.ts";
import { startHaproxy } from "../replicas/support/balancer.ts";
import { freePort } from "../replicas/support/program.ts";

/** Whether each Berth of a test is two replicas behind HAProxy, as in `npm run replicas-conformance`. */
export const isReplicated = process.env["BERTH_TEST_REPLICAS"] === "2";

/**
 * Opens two replicas in this process on the same database, behind HAProxy, which sends each request to the other replica
 * than the request before. `port` 0 is a free one.
 */
export async function openTwoReplicas(
  config: Config,
  logger: Logger,
  port: number,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const apps = await Promise.all([openServerApp(config, logger), openServerApp(config, logger)]);
  const servers = await Promise.all(
    apps.map(async ({ handle }): Promise<Server> => {
      const server = createServer(handle).listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const balancer = await startHaproxy({
    replicas: servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`),
    port: port === 0 ? await freePort() : port,
    roundRobin: true,
  });
  return {
    port: balancer.port,
    async close() {
      await balancer.end();
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
      for (const app of apps) await app.close();
    },
  };
}
