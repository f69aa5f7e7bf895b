import { isDeepStrictEqual } from "node:util";
import { valueAt, type Tree } from "../config/keys.ts";
import { configKeys, type LoadedConfig } from "../config/load.ts";
import { renderProblems } from "../config/problems.ts";
import type { Config } from "../config/schema.ts";
import type { Logger } from "../observability/logger.ts";
import { checkFiles } from "./preflight.ts";

/** The settings that a running server can change. */
export interface ReloadedSettings {
  readonly limits: Config["limits"];
  readonly level: Config["log"]["level"];
  readonly mirrors: Config["mirrors"];
}

/** Keys of `limits` that are settings of listening sockets or of timers. */
const fixedLimits: ReadonlySet<string> = new Set([
  ...["limits.connections", "limits.connectionsPerAddress", "limits.headerSize"],
  ...["limits.idleTimeout", "limits.uploadRate", "limits.uploadExpiry"],
]);

/** Whether SIGHUP changes the setting. The certificate is read again in any case. */
const isReloaded = (key: string): boolean =>
  key === "log.level" || key === "mirrors" || (key.startsWith("limits.") && !fixedLimits.has(key));

/**
 * Makes the function that reads the configuration again. It applies what a running server can change, and logs the names of
 * the settings that it has changed and of those that need a restart. An invalid configuration changes nothing.
 * @param config the configuration that the server has started with
 */
export function createReload(parts: {
  readonly config: Config;
  readonly load: () => Promise<LoadedConfig>;
  readonly logger: Logger;
  readonly apply: (settings: ReloadedSettings) => Promise<void>;
}): () => Promise<void> {
  const { config, load, logger, apply } = parts;
  // Of the running server: what needs a restart stays different from the file.
  let current = config;
  return async () => {
    const loaded = await load();
    if (!loaded.ok) {
      logger.error(
        { problems: renderProblems(loaded.problems) },
        "SIGHUP: the configuration is not valid; nothing has changed",
      );
      return;
    }
    const { mirrors, log } = loaded.config;
    try {
      await checkFiles({ tls: undefined, mirrors });
    } catch (err) {
      logger.error({ err }, "SIGHUP: the configuration is not valid; nothing has changed");
      return;
    }
    const changed = changedKeys(current, loaded.config);
    const applied = changed.filter(isReloaded);
    const needsRestart = changed.filter((key) => !isReloaded(key));
    if (applied.length > 0) {
      // The keys that have no default are there too, so that they replace earlier values.
      const limits = { blobSize: undefined, ...loaded.config.limits };
      for (const key of fixedLimits) Object.assign(limits, only(current.limits, key));
      const { level } = log;
      current = { ...current, limits, mirrors, log: { ...current.log, level } };
      await apply({ limits, level, mirrors }).catch((err: unknown) =>
        logger.error({ err }, "SIGHUP: the mirrors could not be changed; Berth tries it again"),
      );
    }
    logger.info({ applied }, "SIGHUP: the configuration was read again");
    if (needsRestart.length > 0)
      logger.warn({ needsRestart }, "SIGHUP: these settings need a restart");
  };
}

function only(limits: Config["limits"], key: string): Partial<Config["limits"]> {
  const name = key.slice("limits.".length) as keyof Config["limits"];
  return { [name]: limits[name] };
}

const changedKeys = (before: Config, after: Config): readonly string[] =>
  configKeys
    .filter(
      ({ path }) =>
        !isDeepStrictEqual(
          valueAt(before as unknown as Tree, path),
          valueAt(after as unknown as Tree, path),
        ),
    )
    .map(({ name }) => name);
