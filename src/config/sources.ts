import { readFile } from "node:fs/promises";
import process from "node:process";
import {
  isMap,
  isNode,
  isScalar,
  LineCounter,
  parseDocument,
  type Document,
  type YAMLError,
} from "yaml";
import { nearest, renamed, renamedKeys } from "./explain.ts";
import { variableOf, type ConfigKey, type KeyPath } from "./keys.ts";
import { reasonOf, type ConfigProblem } from "./problems.ts";

/*
 * The sources of settings: the configuration file and the environment variables.
 */

export interface ConfigFile {
  /** The parsed YAML; `undefined` if it could not be read, `null` if it is empty. */
  readonly content: unknown;
  readonly problems: readonly ConfigProblem[];
  /** `berth.yaml line 3`; without a line if the file has no value at the path. */
  readonly sourceOf: (path: KeyPath) => string;
}

/**
 * Reads a file of YAML (JSON is YAML too). Never throws: errors are returned as problems.
 * @param namedBy `--config` or `BERTH_CONFIG`, for the message if the file does not exist
 */
export async function readConfigFile(file: string, namedBy: string): Promise<ConfigFile> {
  const nothing = { content: undefined, sourceOf: () => file };
  let source: string;
  try {
    source = await readFile(file, "utf8");
  } catch (error) {
    const what = `cannot be read (${reasonOf(error)})`;
    return {
      ...nothing,
      problems: [
        { key: namedBy, what, found: JSON.stringify(file), allowed: "the path of a YAML file" },
      ],
    };
  }

  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, stringKeys: true });
  const wrong = [...document.errors, ...document.warnings];
  if (wrong.length > 0)
    return { ...nothing, problems: wrong.map((error) => syntaxProblem(file, error)) };

  const sourceOf = (path: KeyPath): string => {
    const offset = offsetOf(document, path);
    return offset === undefined ? file : `${file} line ${lines.linePos(offset).line}`;
  };
  try {
    return { content: document.toJS(), problems: [], sourceOf };
  } catch (error) {
    // Too many aliases.
    return { ...nothing, problems: [{ key: file, what: reasonOf(error), allowed: "YAML" }] };
  }
}

function syntaxProblem(file: string, error: YAMLError): ConfigProblem {
  const [position] = error.linePos ?? [];
  const source =
    position === undefined ? undefined : `line ${position.line}, column ${position.col}`;
  const what = `is not valid YAML: ${error.message.split(/ at line \d+|\n/)[0]}`;
  return {
    key: file,
    source,
    what,
    allowed:
      'one "key: value" a line; quotes around text with special characters, such as "[::1]:5000"',
  };
}

/**
 * The offset of the key at a path; without a key that of its value; without a value that of the group that lacks it.
 */
function offsetOf(document: Document, path: KeyPath): number | undefined {
  if (path.length === 0) return undefined;
  const parent = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents;
  const name = path.at(-1);
  const key = isMap(parent)
    ? parent.items.find((pair) => isScalar(pair.key) && pair.key.value === name)?.key
    : undefined;
  const node = isScalar(key) ? key : document.getIn(path, true);
  return isNode(node) ? node.range?.[0] : offsetOf(document, path.slice(0, -1));
}

/** The variable with the path of the configuration file. */
export const configVariable = "BERTH_CONFIG";
/** The variable with the server of commands that call one. */
const hostVariable = "BERTH_HOST";

/**
 * The number of the descriptor that a service manager has opened for this process (sd_listen_fds(3)); `undefined`: none. The
 * variables are removed, since they do not concern the processes that this one starts.
 */
export function takeActivation(
  pid: number,
  env: NodeJS.ProcessEnv = process.env,
): number | undefined {
  const { LISTEN_PID: ours, LISTEN_FDS: count } = env;
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete env[name];
  return ours === String(pid) && Number(count) >= 1 ? firstActivated : undefined;
}

/** SD_LISTEN_FDS_START */
const firstActivated = 3;

/** The server in `BERTH_HOST`, for commands that call a server. */
export const readHost = (env: NodeJS.ProcessEnv = process.env): string | undefined =>
  env[hostVariable] || undefined;

/** A value for a key, from a variable or a flag. */
export interface GivenSetting {
  readonly key: ConfigKey;
  /** The name of the variable or flag. */
  readonly source: string;
  readonly value: unknown;
  /** The value is the path of a file that holds the secret. */
  readonly fromFile: boolean;
}

/**
 * The keys that `BERTH_…` variables set. An empty variable counts as unset, because Compose passes on unset variables
 * as empty text. Unknown names, and a key that is set twice, are problems.
 */
export function readEnvironment(
  keys: readonly ConfigKey[],
  env: NodeJS.ProcessEnv,
): { settings: GivenSetting[]; problems: ConfigProblem[] } {
  const settings: GivenSetting[] = [];
  const problems: ConfigProblem[] = [];
  const byVariable = new Map(keys.map((key) => [key.variable, key]));
  const names = [
    ...keys.flatMap((key) =>
      key.secret ? [key.variable, `${key.variable}_FILE`] : [key.variable],
    ),
    configVariable,
  ];

  for (const [variable, text = ""] of Object.entries(env)) {
    if (
      !variable.startsWith("BERTH_") ||
      [configVariable, hostVariable].includes(variable) ||
      isServiceLink(variable, text)
    )
      continue;
    const plain = byVariable.get(variable);
    const key = plain ?? byVariable.get(variable.replace(/_FILE$/, ""));
    if (key === undefined) problems.push(unknownVariable(variable, names));
    else if (plain === undefined && !key.secret) problems.push(notSecret(variable, key));
    else if (text !== "")
      settings.push({ key, source: variable, value: text, fromFile: plain === undefined });
  }

  for (const { key, source } of settings.filter(({ fromFile }) => fromFile)) {
    if (settings.some((other) => other.key === key && !other.fromFile)) {
      problems.push({
        key: key.name,
        source: `${key.variable} and ${source}`,
        what: "set twice",
        allowed: "one of the two variables",
      });
    }
  }
  return { settings, problems };
}

/** Whether Kubernetes or an old Docker link set the variable for a service with the name `berth`. */
function isServiceLink(variable: string, text: string): boolean {
  if (
    /_SERVICE_(?:HOST|PORT(?:_\w+)?)$/.test(variable) ||
    /_PORT_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?$/.test(variable)
  )
    return true;
  return variable.endsWith("_PORT") && /^(?:tcp|udp|sctp):\/\//.test(text);
}

function unknownVariable(variable: string, names: readonly string[]): ConfigProblem {
  for (const [old, now] of renamedKeys)
    if (variable === variableOf(old.split(".")))
      return { key: variable, ...renamed(old, variableOf(now.split("."))) };
  return {
    key: variable,
    what: "unknown environment variable",
    allowed: `${nearest(variable, names, "_")} (the nearest known one; "berth config --help" lists all)`,
  };
}

function notSecret(variable: string, key: ConfigKey): ConfigProblem {
  return {
    key: variable,
    what: `${key.name} is not a secret and is not read from a file`,
    allowed: `${key.variable} with the value itself`,
  };
}

/** Proxies for outgoing requests, from the usual environment variables. */
export interface Proxies {
  readonly http: string | undefined;
  readonly https: string | undefined;
  readonly no: string | undefined;
}

export function readProxies(env: NodeJS.ProcessEnv = process.env): Proxies {
  const read = (name: string): string | undefined =>
    env[name.toLowerCase()] || env[name] || undefined;
  return { http: read("HTTP_PROXY"), https: read("HTTPS_PROXY"), no: read("NO_PROXY") };
}
