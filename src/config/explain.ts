import { closest, distance } from "fastest-levenshtein";
import {
  groupOf,
  itemOf,
  keysOf,
  nameOf,
  valueFactsOf,
  type KeyPath,
  type Schema,
} from "./keys.ts";
import type { ConfigProblem } from "./problems.ts";

/** Completes "allowed: …" for any schema. */
export function allowedFor(schema: Schema): string {
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
  root: Schema,
  group: Readonly<Record<string, Schema>>,
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
    what: flat ? "a key in a group is written below the group" : "unknown key",
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
function namesOf(schema: Schema): string[] {
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
