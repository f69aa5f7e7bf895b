import { nearest, renamed, renamedKeys } from "./explain.ts";
import { variableOf, type ConfigKey } from "./keys.ts";
import type { ConfigProblem } from "./problems.ts";

/** The variable with the path of the configuration file: the only variable that is not a key. */
export const configVariable = "BERTH_CONFIG";

/** A key that a variable sets: to its text, or to the content of the file it names. */
export interface VariableSetting {
  readonly key: ConfigKey;
  readonly variable: string;
  readonly text: string;
  readonly fromFile: boolean;
}

/**
 * The keys that `BERTH_…` variables set. An empty variable counts as unset, because Compose passes on unset variables
 * as empty text. Unknown names, and a key that is set twice, are problems.
 */
export function readEnvironment(
  keys: readonly ConfigKey[],
  env: NodeJS.ProcessEnv,
): { settings: VariableSetting[]; problems: ConfigProblem[] } {
  const settings: VariableSetting[] = [];
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
      variable === configVariable ||
      isServiceLink(variable, text)
    )
      continue;
    const plain = byVariable.get(variable);
    const key = plain ?? byVariable.get(variable.replace(/_FILE$/, ""));
    if (key === undefined) problems.push(unknownVariable(variable, names));
    else if (plain === undefined && !key.secret) problems.push(notSecret(variable, key));
    else if (text !== "") settings.push({ key, variable, text, fromFile: plain === undefined });
  }

  for (const { key, variable } of settings.filter(({ fromFile }) => fromFile)) {
    if (settings.some((other) => other.key === key && !other.fromFile)) {
      problems.push({
        key: key.name,
        source: `${key.variable} and ${variable}`,
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
