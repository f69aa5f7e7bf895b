import { z } from "zod";
import { factsOf, type ValueFacts } from "./values.ts";

/*
 * The keys of a schema, found by walking it: groups (objects) hold keys, everything else is a key that is set as a
 * whole, lists included. `storage.s3.partSize` is `BERTH_STORAGE_S3_PART_SIZE` in the environment.
 */

export type Schema = z.core.$ZodType;
/** The names and positions that lead to a value, as zod and yaml write them. */
export type KeyPath = readonly (string | number)[];

export interface ConfigKey {
  /** With dots: `storage.s3.bucket`. */
  readonly name: string;
  readonly path: readonly string[];
  /** The environment variable that sets it. */
  readonly variable: string;
  readonly schema: Schema;
  /** Empty if the schema has none. */
  readonly description: string;
  readonly secret: boolean;
}

/** Every key of a schema, in its order. */
export function keysOf(schema: Schema, path: readonly string[] = []): ConfigKey[] {
  const group = groupOf(schema);
  if (group !== undefined)
    return Object.entries(group).flatMap(([name, inner]) => keysOf(inner, [...path, name]));
  return [
    {
      name: path.join("."),
      path,
      variable: variableOf(path),
      schema,
      description: descriptionOf(schema),
      secret: valueFactsOf(schema)?.secret ?? false,
    },
  ];
}

/** The environment variable of a key: `['auth', 'openOnNetwork']` → `BERTH_AUTH_OPEN_ON_NETWORK`. */
export function variableOf(path: readonly string[]): string {
  const words = path.map((name) => name.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase());
  return ["BERTH", ...words].join("_");
}

/** `['mirrors', 0, 'upstream']` → `mirrors[0].upstream`. */
export function nameOf(path: KeyPath): string {
  return path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`))
    .join("")
    .replace(/^\./, "");
}

/** A schema without its defaults and other wrappings. */
export function bare(schema: Schema): Schema {
  const wrapped =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodReadonly;
  return wrapped && factsOf(schema) === undefined ? bare(schema.unwrap()) : schema;
}

/** The keys of a group, or `undefined` if the schema is not one. */
export function groupOf(schema: Schema): Readonly<Record<string, Schema>> | undefined {
  const inner = bare(schema);
  return inner instanceof z.ZodObject ? inner.shape : undefined;
}

/** The schema of a list's items, or `undefined` if the schema is not a list. */
export function itemOf(schema: Schema): Schema | undefined {
  const inner = bare(schema);
  return inner instanceof z.ZodArray ? inner.element : undefined;
}

/** What is known of a single value; `undefined` for groups and lists. */
export function valueFactsOf(schema: Schema): ValueFacts | undefined {
  return factsOf(bare(schema));
}

/** The schema a path leads to. */
export function schemaAt(schema: Schema, path: KeyPath): Schema | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return schema;
  const next = typeof step === "number" ? itemOf(schema) : groupOf(schema)?.[step];
  return next === undefined ? undefined : schemaAt(next, rest);
}

/** The keys of each entry of a list of groups: `mirrors[].upstream`; none for other keys. */
export function entryKeysOf({ name, schema }: ConfigKey): ConfigKey[] {
  const item = itemOf(schema);
  if (item === undefined || groupOf(item) === undefined) return [];
  return keysOf(item).flatMap((key) => {
    const inner = { ...key, name: `${name}[].${key.name}` };
    return [inner, ...entryKeysOf(inner)];
  });
}

function descriptionOf(schema: Schema): string {
  return z.globalRegistry.get(schema)?.description ?? "";
}
