import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parse } from "yaml";
import { allowedFor, unknownKey } from "./explain.ts";
import {
  groupOf,
  isTree,
  itemOf,
  nameOf,
  valueFactsOf,
  type KeyPath,
  type KeySchema,
  type Tree,
} from "./keys.ts";
import { reasonOf, show, type ConfigProblem } from "./problems.ts";

export interface Cleaning {
  /** The whole schema, for the names of its keys. */
  readonly root: KeySchema;
  readonly sourceOf: (path: KeyPath) => string | undefined;
  /** Relative paths of files begin here. */
  readonly folder: string;
  readonly report: (problem: ConfigProblem) => void;
}

/**
 * Converts the input to the shape of the schema, without checking values: it splits text into lists, reads secrets from
 * the files that `NAME_FILE` names, and treats an empty `name:` as unset. It reports keys that the schema does not
 * have, and removes them.
 */
export async function clean(
  schema: KeySchema,
  given: unknown,
  path: KeyPath,
  cleaning: Cleaning,
): Promise<unknown> {
  if (given === null || given === undefined) return undefined;
  const group = groupOf(schema);
  if (group !== undefined) return await cleanGroup(group, given, path, cleaning);

  const facts = valueFactsOf(schema);
  if (facts?.isPath === true && typeof given === "string" && given !== "")
    return resolve(cleaning.folder, given);
  const structured = facts === undefined;
  const value =
    structured && typeof given === "string" ? fromText(schema, given, path, cleaning) : given;
  const item = itemOf(schema);
  if (item === undefined || !Array.isArray(value)) return value;
  return await Promise.all(
    value.map((entry, position) => clean(item, entry, [...path, position], cleaning)),
  );
}

async function cleanGroup(
  group: Readonly<Record<string, KeySchema>>,
  given: unknown,
  path: KeyPath,
  cleaning: Cleaning,
): Promise<unknown> {
  const { report, sourceOf } = cleaning;
  if (!isTree(given)) {
    const key = nameOf(path) || "the file";
    report({
      key,
      source: sourceOf(path),
      found: show(given),
      allowed: `a group of the keys ${Object.keys(group).join(", ")}`,
    });
    return undefined;
  }
  const cleaned: Tree = {};
  for (const [name, value] of Object.entries(given)) {
    const here = [...path, name];
    const schema = Object.hasOwn(group, name) ? group[name] : undefined;
    const secretName = /^(.+)_FILE$/.exec(name)?.[1] ?? "";
    const secret = Object.hasOwn(group, secretName) ? group[secretName] : undefined;
    if (schema !== undefined) {
      const inner = await clean(schema, value, here, cleaning);
      if (inner !== undefined) cleaned[name] = inner;
    } else if (secret !== undefined && valueFactsOf(secret)?.secret === true) {
      const content = await readSecret(value, here, cleaning);
      if (content !== undefined) cleaned[secretName] = content;
    } else {
      report(unknownKey(cleaning.root, group, here, sourceOf(here)));
    }
  }
  return cleaned;
}

/** The content of a file without the line break at its end. */
export async function readSecret(
  file: unknown,
  path: KeyPath,
  { report, sourceOf, folder }: Cleaning,
): Promise<string | undefined> {
  const problem = {
    key: nameOf(path),
    source: sourceOf(path),
    found: show(file),
    allowed: "the path of a file that holds the secret",
  };
  if (typeof file !== "string") {
    report(problem);
    return undefined;
  }
  try {
    const content = (await readFile(resolve(folder, file), "utf8")).replace(/\r?\n$/, "");
    if (content.trim() !== "") return content;
    report({ ...problem, what: "the file is empty" });
  } catch (error) {
    report({ ...problem, what: `cannot be read (${reasonOf(error)})` });
  }
  return undefined;
}

/** `a, b` for a list of plain values; JSON or YAML for all other lists and groups. */
function fromText(
  schema: KeySchema,
  text: string,
  path: KeyPath,
  { report, sourceOf }: Cleaning,
): unknown {
  const item = itemOf(schema);
  const plainList =
    item !== undefined && valueFactsOf(item) !== undefined && !text.trim().startsWith("[");
  if (plainList)
    return text
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== "");
  try {
    return parse(text, { logLevel: "error", stringKeys: true }) as unknown;
  } catch {
    // The text may contain secrets, so the message does not show it.
    report({
      key: nameOf(path),
      source: sourceOf(path),
      what: "is neither JSON nor YAML",
      allowed: allowedFor(schema),
    });
    return undefined;
  }
}
