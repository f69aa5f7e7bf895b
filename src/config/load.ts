import path from "node:path";
import process from "node:process";
import type * as z from "zod";
import { clean, readSecret, type Cleaning } from "./clean.ts";
import { allowedFor } from "./explain.ts";
import {
  isTree,
  itemOf,
  keysOf,
  nameOf,
  schemaAt,
  setAt,
  valueAt,
  valueFactsOf,
  without,
  type ConfigKey,
  type KeyPath,
  type KeySchema,
  type Tree,
} from "./keys.ts";
import { ConfigError, show, type ConfigProblem } from "./problems.ts";
import { rules } from "./rules.ts";
import { configSchema, type Config } from "./schema.ts";
import {
  configVariable,
  readConfigFile,
  readEnvironment,
  type ConfigFile,
  type GivenSetting,
} from "./sources.ts";

/** Each key of Berth's configuration. */
export const configKeys: readonly ConfigKey[] = keysOf(configSchema);

/** Values of keys from the command line. */
export type Flags = Readonly<Record<string, string | boolean>>;

/** The source of each key that is set: `--listen`, `BERTH_LISTEN`, `berth.yaml line 3`. Missing: the default. */
export type Sources = ReadonlyMap<string, string>;

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

/** {@link loadConfig} for callers that cannot go on with problems. Throws {@link ConfigError}. */
export async function demandConfig(
  input: ConfigInput,
): Promise<Extract<LoadedConfig, { readonly ok: true }>> {
  const loaded = await loadConfig(input);
  if (!loaded.ok) throw new ConfigError(loaded.problems);
  return loaded;
}

export interface SettingsInput {
  readonly configFile: { readonly path: string; readonly namedBy: string } | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly flags: Flags;
}

export interface Settings<Output> {
  /** Without the keys that have problems; `undefined` if the remaining keys are no valid configuration. */
  readonly output: Output | undefined;
  readonly sources: Sources;
  readonly problems: readonly ConfigProblem[];
  /** The keys with invalid values. */
  readonly refused: ReadonlySet<string>;
}

/** Reads the keys of any schema and reports all problems. Precedence: flags, variables, file, defaults. */
export async function readSettings<Output>(
  schema: z.ZodType<Output>,
  input: SettingsInput,
): Promise<Settings<Output>> {
  const problems: ConfigProblem[] = [];
  const report = (problem: ConfigProblem): void => void problems.push(problem);
  const keys = keysOf(schema);
  const sources = new Map<string, string>();

  const file = await readFileOf(input.configFile);
  problems.push(...file.problems);
  const cleaned = await clean(schema, file.content, [], {
    root: schema,
    sourceOf: file.sourceOf,
    folder: path.dirname(path.resolve(input.configFile?.path ?? "")),
    report,
  });
  const tree: Tree = isTree(cleaned) ? cleaned : {};
  for (const key of keys) {
    if (valueAt(tree, key.path) !== undefined) sources.set(key.name, file.sourceOf(key.path));
  }

  const common = { root: schema, folder: process.cwd(), report };
  const environment = readEnvironment(keys, input.env);
  problems.push(...environment.problems);
  for (const given of [...environment.settings, ...settingsOf(input.flags, keys)]) {
    const { key, source } = given;
    const value = await valueOf(given, { ...common, sourceOf: () => source });
    if (value === undefined) continue;
    setAt(tree, key.path, value);
    sources.set(key.name, source);
  }

  const checked = check(schema, tree, (path) => {
    const source = sources.get(nameOf(keyPathOf(path)));
    return source === file.sourceOf(keyPathOf(path)) ? file.sourceOf(path) : source;
  });
  // The settings of an unreadable file are unknown, so no rule can be checked.
  const output = file.problems.length > 0 ? undefined : checked.output;
  return {
    output,
    refused: checked.refused,
    sources,
    problems: [...problems, ...checked.problems],
  };
}

function settingsOf(flags: Flags, keys: readonly ConfigKey[]): readonly GivenSetting[] {
  return Object.entries(flags).map(([name, value]) => {
    const key = keys.find((candidate) => candidate.name === name);
    if (key === undefined) throw new TypeError(`a flag sets ${name}, which is not a key`);
    return { key, source: `--${key.path.at(-1)}`, value, fromFile: false };
  });
}

function valueOf(
  { key: { path, schema }, value, fromFile }: GivenSetting,
  cleaning: Cleaning,
): Promise<unknown> {
  return fromFile ? readSecret(value, path, cleaning) : clean(schema, value, path, cleaning);
}

async function readFileOf(given: SettingsInput["configFile"]): Promise<ConfigFile> {
  return given === undefined
    ? { content: null, problems: [], sourceOf: () => "" }
    : await readConfigFile(given.path, given.namedBy);
}

/** Parses. On failure it parses again without the invalid keys, so that rules can be checked on the others. */
function check<Output>(
  schema: z.ZodType<Output>,
  tree: Tree,
  sourceAt: (path: KeyPath) => string | undefined,
): Omit<Settings<Output>, "sources"> {
  const first = schema.safeParse(tree);
  if (first.success) return { output: first.data, problems: [], refused: new Set() };

  const paths = first.error.issues.map((issue) =>
    issue.path.filter((step) => typeof step !== "symbol"),
  );
  const problems = paths.map((path): ConfigProblem => {
    const at = schemaAt(schema, path) ?? schema;
    return {
      key: nameOf(path),
      source: sourceAt(path),
      found: show(valueAt(tree, path), holdsSecret(at)),
      allowed: allowedFor(at),
    };
  });
  const refused = paths.map(keyPathOf);
  const pruned = refused.reduce<Tree>(without, tree);
  const second = schema.safeParse(pruned);
  if (second.success)
    return { output: second.data, problems, refused: new Set(refused.map(nameOf)) };
  // A group that is incomplete without the key is removed as a whole.
  const incomplete = second.error.issues.map((issue) => issue.path.slice(0, 1).map(String));
  const third = schema.safeParse(incomplete.reduce<Tree>(without, pruned));
  return { output: third.data, problems, refused: new Set(refused.map(nameOf)) };
}

/** The part of a path that names a key. Lists are set as a whole. */
function keyPathOf(path: KeyPath): string[] {
  const end = path.findIndex((step) => typeof step === "number");
  return path.slice(0, end === -1 ? undefined : end).map(String);
}

/** Whether a value, or a part of a list or group, is secret. */
function holdsSecret(schema: KeySchema): boolean {
  const item = itemOf(schema);
  if (item !== undefined) return holdsSecret(item);
  return valueFactsOf(schema)?.secret ?? keysOf(schema).some(({ secret }) => secret);
}
