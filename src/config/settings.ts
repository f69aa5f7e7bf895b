import type * as z from "zod";
import { clean, readSecret, type Cleaning } from "./clean.ts";
import { readEnvironment } from "./environment.ts";
import { allowedFor } from "./explain.ts";
import { readConfigFile, type ConfigFile } from "./file.ts";
import {
  itemOf,
  keysOf,
  nameOf,
  schemaAt,
  valueFactsOf,
  type KeyPath,
  type Schema,
} from "./keys.ts";
import { show, type ConfigProblem } from "./problems.ts";
import { isTree, setAt, valueAt, without, type Tree } from "./tree.ts";

/** Values of keys from the command line. */
export type Flags = Readonly<Record<string, string | boolean>>;

/** The source of each key that is set: `--listen`, `BERTH_LISTEN`, `berth.yaml line 3`. Missing: the default. */
export type Sources = ReadonlyMap<string, string>;

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
    report,
  });
  const tree: Tree = isTree(cleaned) ? cleaned : {};
  for (const key of keys) {
    if (valueAt(tree, key.path) !== undefined) sources.set(key.name, file.sourceOf(key.path));
  }

  const environment = readEnvironment(keys, input.env);
  problems.push(...environment.problems);
  const set = async (
    path: readonly string[],
    inner: Schema,
    source: string,
    given: unknown,
    fromFile = false,
  ): Promise<void> => {
    const cleaning: Cleaning = { root: schema, sourceOf: () => source, report };
    const value = fromFile
      ? await readSecret(given, path, cleaning)
      : await clean(inner, given, path, cleaning);
    if (value === undefined) return;
    setAt(tree, path, value);
    sources.set(nameOf(path), source);
  };
  for (const { key, variable, text, fromFile } of environment.settings)
    await set(key.path, key.schema, variable, text, fromFile);
  for (const [name, value] of Object.entries(input.flags)) {
    const key = keys.find((candidate) => candidate.name === name);
    if (key === undefined) throw new TypeError(`a flag sets ${name}, which is no key`);
    await set(key.path, key.schema, `--${key.path.at(-1)}`, value);
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
function holdsSecret(schema: Schema): boolean {
  const item = itemOf(schema);
  if (item !== undefined) return holdsSecret(item);
  return valueFactsOf(schema)?.secret ?? keysOf(schema).some(({ secret }) => secret);
}
