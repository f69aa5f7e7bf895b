import { isJsonObject, JsonError, parseJson } from "./json.ts";
import { knownKeys, orAbsent, readFields, readText, readTexts } from "./manifest-fields.ts";

/** The platform of an image (image-spec image-index.md; `os.version` and `os.features` in JSON). */
export interface Platform {
  readonly os?: string;
  readonly architecture?: string;
  readonly variant?: string;
  readonly osVersion?: string;
  readonly osFeatures?: readonly string[];
  /** Docker manifest lists only. */
  readonly features?: readonly string[];
}

const PLATFORM_KEYS = knownKeys(
  "os",
  "architecture",
  "variant",
  "os.version",
  "os.features",
  "features",
);

const ANY_KEYS = knownKeys();

/** Parses the platform of an index entry; each field may be absent. Throws MANIFEST_INVALID with the path. */
export function parsePlatform(value: unknown, path: string): Platform {
  const fields = readFields(value, path, PLATFORM_KEYS);
  return platformFrom(
    (key) => readText(fields, key),
    (key) => readTexts(fields, key),
  );
}

/**
 * {@link platformOfConfig} of the bytes of a config blob. Also undefined for bytes that are no JSON, or JSON beyond
 * `defaultJsonBounds`: the pusher chooses the bytes, so their cost is bounded before a value is built.
 */
export function parseConfigPlatform(bytes: Uint8Array): Platform | undefined {
  try {
    return platformOfConfig(parseJson(bytes));
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}

/**
 * The platform in an image config (image-spec config.md); undefined if it has neither os nor architecture. Accepts any
 * JSON value and never throws: fields with another type count as absent.
 */
export function platformOfConfig(json: unknown): Platform | undefined {
  if (!isJsonObject(json)) return undefined;
  const fields = readFields(json, "", ANY_KEYS);
  const { features: _, ...platform } = platformFrom(
    (key) => orAbsent(() => readText(fields, key)),
    (key) => orAbsent(() => readTexts(fields, key)),
  );
  return platform.os === undefined && platform.architecture === undefined ? undefined : platform;
}

/** Empty strings count as absent, because some programs write them for absent fields. */
function platformFrom(
  text: (key: string) => string | undefined,
  texts: (key: string) => readonly string[] | undefined,
): Platform {
  const os = text("os");
  const architecture = text("architecture");
  const variant = text("variant");
  const osVersion = text("os.version");
  const osFeatures = texts("os.features");
  const features = texts("features");
  return {
    ...(os && { os }),
    ...(architecture && { architecture }),
    ...(variant && { variant }),
    ...(osVersion && { osVersion }),
    ...(osFeatures && { osFeatures }),
    ...(features && { features }),
  };
}
