import { Document, isScalar, isSeq } from "yaml";
import * as z from "zod";
import { groupOf, itemOf, keysOf, schemaAt, valueFactsOf, type Schema } from "./keys.ts";
import { configSchema, type Config } from "./schema.ts";
import type { Sources } from "./settings.ts";
import { setAt, valueAt, type Tree } from "./tree.ts";

/**
 * The effective configuration as YAML that `--config` can read: each key that has a value, durations and sizes as users
 * write them, asterisks for secrets.
 * @param sources adds a comment with the source of each value
 */
export function printConfig(config: Config, sources?: Sources): string {
  return printSettings(configSchema, config, sources);
}

/** {@link printConfig} for the values of any schema. */
export function printSettings(schema: Schema, values: unknown, sources?: Sources): string {
  const keys = keysOf(schema).filter(({ path }) => valueAt(values, path) !== undefined);
  const tree: Tree = {};
  for (const { path, schema: inner } of keys)
    setAt(tree, path, printValue(inner, valueAt(values, path)));

  const document = new Document(tree);
  for (const { path, name } of keys) {
    const node = document.getIn(path, true);
    const comment = ` ${sources?.get(name) ?? "default"}`;
    if (sources === undefined) continue;
    if (isScalar(node)) node.comment = comment;
    else if (isSeq(node)) node[node.items.length > 0 ? "commentBefore" : "comment"] = comment;
  }
  return document.toString({ lineWidth: 0 });
}

/** A value, list or group in the form of the configuration file. */
export function printValue(schema: Schema, value: unknown): unknown {
  if (value === undefined) return undefined;
  const facts = valueFactsOf(schema);
  if (facts !== undefined) return facts.secret ? "********" : facts.print(value);
  const item = itemOf(schema);
  if (item !== undefined && Array.isArray(value))
    return value.map((entry) => printValue(item, entry));
  const group = groupOf(schema);
  if (group === undefined) return value;
  const printed = Object.keys(group).map(
    (name) =>
      [name, printValue(schemaAt(schema, [name]) ?? schema, valueAt(value, [name]))] as const,
  );
  return Object.fromEntries(printed.filter(([, inner]) => inner !== undefined));
}

/** The default of a key in the form of the configuration file; `undefined` if it has none. */
export function defaultOf(schema: Schema): string | undefined {
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault) {
    const { defaultValue } = schema.def;
    return typeof defaultValue === "string" ? defaultValue : JSON.stringify(defaultValue);
  }
  return undefined;
}
