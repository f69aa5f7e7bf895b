import process from "node:process";
import { configVariable } from "./environment.ts";
import { keysOf, type ConfigKey } from "./keys.ts";
import type { ConfigProblem } from "./problems.ts";
import { rules } from "./rules.ts";
import { configSchema, type Config } from "./schema.ts";
import { readSettings, type Flags, type Sources } from "./settings.ts";

export interface ConfigInput {
  /** Path of the YAML file; `undefined`: the file in `BERTH_CONFIG`, if it is set. */
  readonly configFile?: string | undefined;
  /** Values from the command line by key (`auth.open`). They have precedence over all other sources. */
  readonly flags?: Flags;
  /** Default: the environment of the process. */
  readonly env?: NodeJS.ProcessEnv;
}

export type LoadedConfig =
  | { readonly ok: true; readonly config: Config; readonly sources: Sources }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/**
 * Reads flags, variables, file and defaults, in this order of precedence. Reports all problems at once; never throws.
 */
export async function loadConfig(input: ConfigInput): Promise<LoadedConfig> {
  const env = input.env ?? process.env;
  const named = env[configVariable] || undefined;
  const file =
    input.configFile === undefined
      ? named && { path: named, namedBy: configVariable }
      : { path: input.configFile, namedBy: "--config" };
  const settings = await readSettings(configSchema, {
    configFile: file || undefined,
    env,
    flags: input.flags ?? {},
  });

  const { output, sources, refused } = settings;
  const broken = rules.flatMap(({ keys, check }) => {
    if (output === undefined || keys.some((key) => refused.has(key))) return [];
    const problem = check(output);
    return problem === undefined
      ? []
      : [{ key: keys[0], source: sources.get(keys[0]), ...problem }];
  });

  const problems = [...settings.problems, ...broken];
  return output === undefined || problems.length > 0
    ? { ok: false, problems }
    : { ok: true, config: output, sources };
}

/** Each key of Berth's configuration. */
export const configKeys: readonly ConfigKey[] = keysOf(configSchema);
