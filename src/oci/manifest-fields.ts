import { OciError } from "./errors.ts";
import { isJsonObject } from "./json.ts";
import { bareMediaType } from "./media-types.ts";

/** A JSON object with checked keys, and its path in the document; the empty path is the whole document. */
export interface Fields {
  readonly path: string;
  /** The value of a key; undefined if absent or null, because Go programs write null for an absent value. */
  get(key: string): unknown;
  /** Whether the key is present, also with the value null. */
  has(key: string): boolean;
  /** All keys with their values. */
  readonly entries: readonly (readonly [string, unknown])[];
}

/** The known keys of an object: exact, and by their case-folded spelling. */
export interface KnownKeys {
  readonly exact: ReadonlySet<string>;
  readonly folded: ReadonlyMap<string, string>;
}

/** Control characters and unpaired surrogates, which are not valid in stored text, logs and pages. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;

/** Makes the known keys for `readFields`. */
export function knownKeys(...keys: readonly string[]): KnownKeys {
  return { exact: new Set(keys), folded: new Map(keys.map((key) => [fold(key), key])) };
}

/**
 * The fields of a JSON object. Throws MANIFEST_INVALID if the value is no object, or if a key differs only
 * in case from a known key: a parser that ignores case would read another document.
 */
export function readFields(value: unknown, path: string, known: KnownKeys): Fields {
  if (!isJsonObject(value)) throw invalidManifest(path, "must be an object");
  for (const key of Object.keys(value)) {
    const name = known.exact.has(key) ? undefined : known.folded.get(fold(key));
    if (name !== undefined) {
      throw invalidManifest(join(path, key), `differs only in case from ${name}`);
    }
  }
  return {
    path,
    get: (key) => (Object.hasOwn(value, key) ? (value[key] ?? undefined) : undefined),
    has: (key) => Object.hasOwn(value, key),
    get entries() {
      return Object.entries(value);
    },
  };
}

/** A string without control characters; undefined when absent. Throws MANIFEST_INVALID. */
export function readText(fields: Fields, key: string): string | undefined {
  const value = fields.get(key);
  return value === undefined ? undefined : textOf(value, join(fields.path, key));
}

/** A media type (RFC 6838), parameters allowed; undefined when absent. Throws MANIFEST_INVALID. */
export function readMediaType(fields: Fields, key: string): string | undefined {
  const text = readText(fields, key);
  if (text === undefined || bareMediaType(text) !== undefined) return text;
  throw invalidManifest(join(fields.path, key), "must be a media type");
}

/** Maximum length of a type name in characters; RFC 6838 allows 127 on each side of the slash. */
const typeNameAtMost = 255;

/**
 * The content type in a descriptor or an artifact; undefined if absent. The image-spec requires a media type, but
 * clients push other names (`oras push f.txt:sbom`, artifacts of `oras attach` before 2024) and other registries accept
 * them. Throws MANIFEST_INVALID.
 */
export function readTypeName(fields: Fields, key: string): string | undefined {
  const text = readText(fields, key);
  if (text === undefined || (text !== "" && text.length <= typeNameAtMost)) return text;
  const path = join(fields.path, key);
  throw invalidManifest(path, `must be a media type of at most ${typeNameAtMost} characters`);
}

/** A list of strings without control characters; undefined when absent. Throws MANIFEST_INVALID. */
export function readTexts(fields: Fields, key: string): readonly string[] | undefined {
  const value = fields.get(key);
  if (value === undefined) return undefined;
  const path = join(fields.path, key);
  if (!Array.isArray(value)) throw invalidManifest(path, "must be a list of strings");
  return value.map((item: unknown, i) => textOf(item, `${path}[${i}]`));
}

/**
 * Annotations: an object of strings; undefined if absent. An annotation with the value null, which some programs write,
 * is omitted. Throws MANIFEST_INVALID.
 */
export function readAnnotations(fields: Fields): Record<string, string> | undefined {
  const value = fields.get("annotations");
  if (value === undefined) return undefined;
  const path = join(fields.path, "annotations");
  if (!isJsonObject(value)) throw invalidManifest(path, "must be an object of strings");
  let nulls = 0;
  for (const key of Object.keys(value)) {
    if (value[key] === null) nulls += 1;
    else if (typeof value[key] !== "string")
      throw invalidManifest(join(path, key), "must be a string");
  }
  const annotations = value as Record<string, string>;
  if (nulls === 0) return annotations;
  return Object.fromEntries(Object.entries(annotations).filter(([, text]) => text !== null));
}

/** A MANIFEST_INVALID error that names the path in the document. */
export function invalidManifest(path: string, reason: string): OciError {
  const place = path === "" ? "the manifest" : path;
  return new OciError("MANIFEST_INVALID", `${place} ${reason}`, { detail: { path, reason } });
}

/** `layers[0]` and `size` give `layers[0].size`; a key is cut to 64 characters. */
export function join(path: string, key: string): string {
  const short = key.slice(0, 64);
  return path === "" ? short : `${path}.${short}`;
}

function textOf(value: unknown, path: string): string {
  if (typeof value === "string" && !UNPRINTABLE.test(value)) return value;
  throw invalidManifest(path, "must be a string without control characters");
}

/** Case folding like Go's JSON parser: the long `ſ` equals s, the Kelvin sign equals k. */
function fold(key: string): string {
  return key.toLowerCase().toUpperCase();
}
