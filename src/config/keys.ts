import * as z from "zod";
import { factsOf, type ValueFacts } from "./values.ts";

/*
 * Lists the keys of a schema. A group (object) contains keys. Each other schema is one key that is set as a whole, also
 * a list. `storage.s3.partSize` is `BERTH_STORAGE_S3_PART_SIZE` in the environment.
 */

export type Schema = z.core.$ZodType;
/** The names and positions on the path to a value, as in zod and yaml. */
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

/** Each key of a schema, in the order of the schema. */
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

/** A schema without its defaults and other wrappers. */
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

/** The facts of a single value; `undefined` for groups and lists. */
export function valueFactsOf(schema: Schema): ValueFacts | undefined {
  return factsOf(bare(schema));
}

/** The schema at a path; `undefined` if there is none. */
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
