import { closest, distance } from "fastest-levenshtein";
import { Document, isScalar, isSeq } from "yaml";
import * as z from "zod";
import {
  groupOf,
  itemOf,
  keysOf,
  nameOf,
  schemaAt,
  setAt,
  valueAt,
  valueFactsOf,
  type KeyPath,
  type KeySchema,
  type Tree,
} from "./keys.ts";
import type { ConfigProblem } from "./problems.ts";

/*
 * Texts about keys for users: their allowed values, their defaults, the effective configuration, and the messages for
 * unknown and renamed keys.
 */

/** Completes "allowed: …" for any schema. */
export function allowedFor(schema: KeySchema): string {
  const facts = valueFactsOf(schema);
  if (facts !== undefined) return facts.allowed;
  const group = groupOf(schema);
  if (group !== undefined) return `a group of the keys ${Object.keys(group).join(", ")}`;
  const item = itemOf(schema);
  return item === undefined ? "another value" : `a list; each entry ${allowedFor(item)}`;
}

/** Keys that had another name in an earlier version; `[]` stands for a position in a list. */
export const renamedKeys: ReadonlyMap<string, string> = new Map([
  ["gc.untagged", "gc.deleteUntagged"],
  ["gc.rate", "gc.stepsPerSecond"],
  ["gc.every", "gc.interval"],
  ["scrub.rate", "scrub.bytesPerSecond"],
  ["scrub.every", "scrub.interval"],
  ["limits.header", "limits.headerSize"],
  ["limits.drain", "limits.drainTimeout"],
  ["limits.idle", "limits.idleTimeout"],
  ["limits.uploadIdle", "limits.uploadExpiry"],
  ["storage.s3.buffer", "storage.s3.uploadBuffer"],
  ["mirrors[].budget", "mirrors[].cacheSize"],
  ["mirrors[].hydrate", "mirrors[].foreignLayerHosts"],
  ["mirrors[].schedule[].to", "mirrors[].schedule[].target"],
  ["mirrors[].schedule[].newest", "mirrors[].schedule[].keepNewest"],
]);

/** The message for a key under its old name. `now` is the new name, or the new variable. */
export function renamed(old: string, now: string): Pick<ConfigProblem, "what" | "allowed"> {
  const values = old === "gc.untagged" ? "; write true for after and false for keep" : "";
  return { what: `was renamed to ${now}`, allowed: `${now}${values}` };
}

/** The problem for a name that no key has. */
export function unknownKey(
  root: KeySchema,
  group: Readonly<Record<string, KeySchema>>,
  path: KeyPath,
  source: string | undefined,
): ConfigProblem {
  const inList = path.some((step) => typeof step === "number");
  const known = inList
    ? Object.keys(group).map((name) => nameOf([...path.slice(0, -1), name]))
    : namesOf(root);
  const name = nameOf(path);
  const old = name.replaceAll(/\[\d+\]/g, "[]");
  const now = renamedKeys.get(old);
  if (now !== undefined) return { key: name, source, ...renamed(old, now) };
  const step = path.at(-1);
  const flat = typeof step === "string" && step.includes(".") && known.includes(name);
  // The message does not show the value: it may be a secret under a misspelled name.
  return {
    key: name,
    source,
    what: flat ? "a key of a group must be written below the group" : "unknown key",
    allowed: flat
      ? nested(name.split("."))
      : `${nearest(name, known, ".")} (the nearest known one; "berth config --help" lists all)`,
  };
}

/** `log: { level: … }` */
function nested(path: readonly string[]): string {
  return path.reduceRight(
    (inner, name) => `${name}: ${inner === "…" ? inner : `{ ${inner} }`}`,
    "…",
  );
}

/** The names of all keys and of their groups. */
function namesOf(schema: KeySchema): string[] {
  const names = keysOf(schema).flatMap(({ path }) =>
    path.map((_, end) => nameOf(path.slice(0, end + 1))),
  );
  return [...new Set(names)];
}

/** The most similar known name, by the whole name or by its last part (`level` for `log.level`). */
export function nearest(
  name: string,
  known: readonly string[],
  separator: string,
): string | undefined {
  if (known.length === 0) return undefined;
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_.]/g, "");
  const last = (text: string): string => plain(text.split(separator).at(-1) ?? text);
  const sameEnd = known.filter((candidate) => last(candidate) === last(name));
  const candidates = sameEnd.length > 0 ? sameEnd : known;
  const best = closest(plain(name), candidates.map(plain));
  return candidates.toSorted((a, b) => distance(plain(a), best) - distance(plain(b), best))[0];
}

/**
 * The values of a schema as YAML that `--config` can read: each key that has a value, durations and sizes as users write
 * them, asterisks for secrets.
 * @param sources adds a comment with the source of each value
 */
export function printSettings(
  schema: KeySchema,
  values: unknown,
  sources?: ReadonlyMap<string, string>,
): string {
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
function printValue(schema: KeySchema, value: unknown): unknown {
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
export function defaultOf(schema: KeySchema): string | undefined {
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault) {
    const { defaultValue } = schema.def;
    return typeof defaultValue === "string" ? defaultValue : JSON.stringify(defaultValue);
  }
  return undefined;
}
