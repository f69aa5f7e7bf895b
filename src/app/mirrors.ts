import { readProxies } from "../config/sources.ts";
import { MirrorAdministration } from "../mirror/administration.ts";
import { openMirrors, type Mirrors } from "../mirror/mirrors.ts";
import { createLeasePolicy } from "../registry/leases.ts";
import type { AppContext } from "./context.ts";
import { leadershipOf } from "./replica.ts";

/** Opens the mirrors of the configuration. A server that leads runs their schedules; a command prints failures itself. */
export async function openConfiguredMirrors(context: AppContext): Promise<Mirrors> {
  const { config, clock, leaseTimes, logger, kind } = context;
  const { blobs } = await context.registry();
  const isCommand = kind === "command";
  const parts = {
    store: await context.store(),
    database: await context.database(),
    blobs,
    clock,
    leaseTimes,
    manifestBytes: config.limits.manifestSize,
    proxies: readProxies(),
    log: isCommand ? { warn: () => undefined, info: () => undefined } : logger,
    report: (error: unknown) => {
      if (!isCommand) logger.error({ err: error }, "a background task of a mirror failed");
    },
  };
  const leadership = kind === "server" ? await leadershipOf(context) : undefined;
  const areOnOneHost = config.database.url === undefined;
  const mirrors = await openMirrors(config.mirrors, parts, {
    leadership,
    jobs: await context.jobs(),
    areOnOneHost,
  });
  context.onClose(() => mirrors.close());
  return mirrors;
}

/** The operations of `berth mirror`, for a command and for the API of a server. */
export const openMirrorAdministration = async (
  context: AppContext,
): Promise<MirrorAdministration> =>
  new MirrorAdministration({
    clock: context.clock,
    store: await context.store(),
    database: await context.database(),
    registry: await context.registry(),
    leasePolicy: createLeasePolicy(context.clock, context.leaseTimes),
    mirrors: await context.mirrors(),
  });
