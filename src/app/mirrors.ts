import { readProxies } from "../config/sources.ts";
import type { MirrorAdministration } from "../mirror/administration.ts";
import { LiveMirrors } from "../mirror/live-mirrors.ts";
import type { Mirrors, ProcessParts } from "../mirror/mirrors.ts";
import type { PushRules } from "../database/registry/repository-creation.ts";
import type { MirrorSettings } from "../mirror/settings.ts";
import { createLeasePolicy } from "../registry/leases.ts";
import type { AppContext } from "./context.ts";
import { leadershipOf } from "./replica.ts";

/**
 * Opens the mirrors of the configuration and those of the database. A server that leads runs their schedules, and servers
 * and workers learn of changes; a command prints failures itself.
 */
export async function openLiveMirrors(context: AppContext): Promise<LiveMirrors> {
  const { config, kind } = context;
  const added = await context.addedMirrors();
  const { commands } = await context.database();
  const mirrors = new LiveMirrors({
    configured: () => config.mirrors,
    added: () => added.settings(),
    align: (mirror) => commands.alignMirror({ ...mirror, nowMs: context.clock() }),
    open: await createOpen(context),
    changed: (settings) => context.setMirrored(settings),
    leadership: kind === "server" ? await leadershipOf(context) : undefined,
    report: reportOf(context),
  });
  context.onClose(() => mirrors.close());
  await mirrors.refresh();
  if (kind !== "command") mirrors.follow();
  return mirrors;
}

/** Opens mirrors with the parts of a process. Without mirrors none of their code is loaded. */
async function createOpen(
  context: AppContext,
): Promise<(settings: readonly MirrorSettings[]) => Promise<Mirrors>> {
  const { config, clock, leaseTimes, logger, kind } = context;
  const { blobs } = await context.registry();
  const [store, database, jobs] = [
    await context.store(),
    await context.database(),
    await context.jobs(),
  ];
  const parts = {
    ...{ store, database, blobs, clock, leaseTimes },
    rulesOf: ({ namespace, visibility }: MirrorSettings): PushRules => ({
      createOnPush: true,
      // A change may have replaced this mirror, while a request of before still uses it.
      get defaultVisibility() {
        return context.mirrored.get(namespace) ?? visibility;
      },
      defaultQuotaBytes: null,
    }),
    manifestBytes: config.limits.manifestSize,
    proxies: readProxies(),
    log: kind === "command" ? { warn: () => undefined, info: () => undefined } : logger,
    report: reportOf(context),
  };
  const areOnOneHost = config.database.url === undefined;
  let processParts: ProcessParts | undefined;
  return async (settings) => {
    const { createProcessParts, openMirrors } = await import("../mirror/mirrors.ts");
    processParts ??= createProcessParts();
    return openMirrors(settings, { ...parts, ...processParts }, { jobs, areOnOneHost });
  };
}

const reportOf =
  ({ kind, logger }: AppContext) =>
  (error: unknown): void => {
    if (kind !== "command") logger.error({ err: error }, "a background task of a mirror failed");
  };

/** The operations of `berth mirror`, for a command and for the API of a server. */
export async function openMirrorAdministration(context: AppContext): Promise<MirrorAdministration> {
  const { MirrorAdministration: Loaded } = await import("../mirror/administration.ts");
  return new Loaded({
    clock: context.clock,
    store: await context.store(),
    database: await context.database(),
    registry: await context.registry(),
    leasePolicy: createLeasePolicy(context.clock, context.leaseTimes),
    mirrors: await context.mirrors(),
    configured: () => context.config.mirrors,
  });
}
