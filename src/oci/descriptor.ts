import { parseDigest } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { OciError } from "./errors.ts";
import {
  invalidManifest,
  join,
  knownKeys,
  readAnnotations,
  readFields,
  readText,
  readTexts,
  readTypeName,
} from "./manifest-fields.ts";
import type { Fields } from "./manifest-fields.ts";
import { parsePlatform } from "./platform.ts";
import type { Platform } from "./platform.ts";

export { parseConfigPlatform, parsePlatform, platformOfConfig } from "./platform.ts";
export type { Platform } from "./platform.ts";

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
 * Parses a descriptor. `urls` may have any text; `readImageReferences` checks those of a layer. Inline `data` is
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
