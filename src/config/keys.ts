import * as z from "zod";
import { factsOf, type ValueFacts } from "./values.ts";

/*
 * The keys of a schema, and the values at their paths. A group (object) contains keys. Each other schema is one key that is set as a whole, also
 * a list. `storage.s3.partSize` is `BERTH_STORAGE_S3_PART_SIZE` in the environment.
 */

export type KeySchema = z.core.$ZodType;
/** The names and positions on the path to a value, as in zod and yaml. */
export type KeyPath = readonly (string | number)[];

export interface ConfigKey {
  /** With dots: `storage.s3.bucket`. */
  readonly name: string;
  readonly path: readonly string[];
  /** The environment variable that sets it. */
  readonly variable: string;
  readonly schema: KeySchema;
  /** Empty if the schema has none. */
  readonly description: string;
  readonly secret: boolean;
}

/** Each key of a schema, in the order of the schema. */
export function keysOf(schema: KeySchema, path: readonly string[] = []): ConfigKey[] {
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
export function bare(schema: KeySchema): KeySchema {
  const wrapped =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodReadonly;
  return wrapped && factsOf(schema) === undefined ? bare(schema.unwrap()) : schema;
}

/** The keys of a group, or `undefined` if the schema is not one. */
export function groupOf(schema: KeySchema): Readonly<Record<string, KeySchema>> | undefined {
  const inner = bare(schema);
  return inner instanceof z.ZodObject ? inner.shape : undefined;
}

/** The schema of a list's items, or `undefined` if the schema is not a list. */
export function itemOf(schema: KeySchema): KeySchema | undefined {
  const inner = bare(schema);
  return inner instanceof z.ZodArray ? inner.element : undefined;
}

/** The facts of a single value; `undefined` for groups and lists. */
export function valueFactsOf(schema: KeySchema): ValueFacts | undefined {
  return factsOf(bare(schema));
}

/** The schema at a path; `undefined` if there is none. */
export function schemaAt(schema: KeySchema, path: KeyPath): KeySchema | undefined {
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

function descriptionOf(schema: KeySchema): string {
  return z.globalRegistry.get(schema)?.description ?? "";
}

/** Parsed YAML by name, before it is checked. */
export interface Tree {
  [name: string]: unknown;
}

export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value at a path through trees and lists, or `undefined`. */
export function valueAt(tree: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>((at, step) => {
    if (Array.isArray(at)) return typeof step === "number" ? at[step] : undefined;
    return isTree(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  }, tree);
}

/** Sets a value in place and creates the missing groups on its path. */
export function setAt(tree: Tree, path: readonly string[], value: unknown): void {
  const [name, ...rest] = path;
  if (name === undefined) throw new TypeError("a path has at least one step");
  if (rest.length === 0) {
    tree[name] = value;
    return;
  }
  const inner = isTree(tree[name]) ? tree[name] : {};
  tree[name] = inner;
  setAt(inner, rest, value);
}

/** A copy without the value at the path. */
export function without(tree: Tree, path: readonly string[]): Tree {
  const [name, ...rest] = path;
  if (name === undefined || !Object.hasOwn(tree, name)) return tree;
  const { [name]: inner, ...others } = tree;
  return rest.length === 0 || !isTree(inner) ? others : { ...others, [name]: without(inner, rest) };
}
