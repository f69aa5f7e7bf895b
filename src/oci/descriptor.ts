import { parseDigest, type Digest } from "./digest.ts";
import { OciError, orAbsent } from "./errors.ts";
import { isJsonObject, JsonError, parseJson } from "./json.ts";
import {
  invalidManifest,
  join,
  knownKeys,
  readAnnotations,
  readFields,
  readText,
  readTexts,
  readTypeName,
  type Fields,
} from "./manifest-fields.ts";

/** A pointer to content (image-spec descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly artifactType?: string;
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
}

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

const DESCRIPTOR_KEYS = knownKeys(
  "mediaType",
  "digest",
  "size",
  "artifactType",
  "urls",
  "annotations",
  "platform",
  "data",
);

/**
 * Parses a descriptor. `urls` may have any text; `parseManifest` checks those of a layer. Inline `data` is
 * not read: consumers verify it (image-spec descriptor.md, "Embedded Content"), and clients push data that does not
 * match (`regctl image mod --data-max`). Throws MANIFEST_INVALID with the path in the document.
 * @param path that of the descriptor: `layers[3]`
 */
export function parseDescriptor(value: unknown, path: string): Descriptor {
  const fields = readFields(value, path, DESCRIPTOR_KEYS);
  const mediaType = readTypeName(fields, "mediaType");
  if (mediaType === undefined) throw invalidManifest(join(path, "mediaType"), "is missing");
  const digest = readDigest(fields);
  const sizeBytes = readSize(fields);
  const artifactType = readArtifactType(fields);
  const urls = readTexts(fields, "urls");
  const annotations = readAnnotations(fields);
  const platform = fields.get("platform");
  return {
    mediaType,
    digest,
    sizeBytes,
    ...(artifactType !== undefined && { artifactType }),
    ...(urls !== undefined && { urls }),
    ...(annotations !== undefined && { annotations }),
    ...(platform !== undefined && { platform: parsePlatform(platform, join(path, "platform")) }),
  };
}

/** The field `artifactType`; undefined if absent or empty (some programs write it empty). Throws MANIFEST_INVALID. */
export function readArtifactType(fields: Fields): string | undefined {
  return fields.get("artifactType") === "" ? undefined : readTypeName(fields, "artifactType");
}

function readDigest(fields: Fields): Digest {
  const path = join(fields.path, "digest");
  const text = readText(fields, "digest");
  if (text === undefined) throw invalidManifest(path, "is missing");
  try {
    return parseDigest(text);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    throw invalidManifest(path, `is invalid: ${error.message}`);
  }
}

function readSize(fields: Fields): number {
  const size = fields.get("size");
  if (typeof size === "number" && Number.isSafeInteger(size) && size >= 0) return size;
  throw invalidManifest(join(fields.path, "size"), "must be a number of bytes");
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
