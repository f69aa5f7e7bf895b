import { parseDescriptor } from "./descriptor.ts";
import type { Descriptor } from "./descriptor.ts";
import { parseDigest } from "./digest.ts";
import { isJsonObject } from "./json.ts";
import { invalidManifest, join, orAbsent } from "./manifest-fields.ts";
import type { Fields } from "./manifest-fields.ts";
import { OCTET_STREAM, isDockerForeignLayer } from "./media-types.ts";

/**
 * Content that a manifest references. A `child` is usually a manifest, but may be a blob: BuildKit's cache
 * index lists layers and its config.
 */
export interface ManifestReference extends Descriptor {
  readonly kind: "config" | "layer" | "child";
  /** False if the content may be missing here: a layer with urls, and content of a manifest of a configured type. */
  readonly required: boolean;
}

/** The config, then the layers, of an image manifest. Throws MANIFEST_INVALID. */
export function readImageReferences(fields: Fields): readonly ManifestReference[] {
  const config = fields.get("config");
  if (config === undefined) throw invalidManifest("config", "is missing");
  return [
    { ...parseDescriptor(config, "config"), kind: "config", required: true },
    ...readList(fields, "layers").map(readLayer),
  ];
}

/** The children of an index, in its order. Throws MANIFEST_INVALID. */
export function readChildren(fields: Fields): readonly ManifestReference[] {
  return readList(fields, "manifests").map((value, i) => ({
    ...parseDescriptor(value, `manifests[${i}]`),
    kind: "child",
    required: true,
  }));
}

/**
 * The content that a manifest of an unknown type references: each object with a digest, at any depth, except its
 * subject. None of it must be present, because the meaning of the fields is unknown. Throws MANIFEST_INVALID for too
 * many objects.
 */
export function readNamedContent(fields: Fields): readonly ManifestReference[] {
  const found = new Map<string, ManifestReference>();
  const collect = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(collect);
    if (!isJsonObject(value)) return;
    const { digest: text, mediaType, size } = value;
    const digest = typeof text === "string" ? orAbsent(() => parseDigest(text)) : undefined;
    if (digest !== undefined && !found.has(digest))
      found.set(digest, {
        ...{ digest, kind: "child", required: false },
        mediaType: typeof mediaType === "string" ? mediaType : OCTET_STREAM,
        sizeBytes: typeof size === "number" && Number.isSafeInteger(size) && size >= 0 ? size : 0,
      });
    if (found.size > descriptorsAtMost)
      throw invalidManifest("", `names more than ${descriptorsAtMost} blobs and manifests`);
    Object.values(value).forEach(collect);
  };
  for (const [key, value] of fields.entries) if (key !== "subject") collect(value);
  return [...found.values()];
}

function readLayer(value: unknown, i: number): ManifestReference {
  const path = `layers[${i}]`;
  const layer = parseDescriptor(value, path);
  const invalid = layer.urls?.findIndex((url) => !isLayerUrl(url)) ?? -1;
  if (invalid !== -1)
    throw invalidManifest(
      `${join(path, "urls")}[${invalid}]`,
      "must be an http or https URL without a fragment",
    );
  const hasUrls = layer.urls !== undefined && layer.urls.length > 0;
  if (isDockerForeignLayer(layer.mediaType) && !hasUrls) {
    throw invalidManifest(join(path, "urls"), "must not be empty: the layer is foreign");
  }
  return { ...layer, kind: "layer", required: !hasUrls };
}

/**
 * Clients and mirrors fetch a layer from its URLs. URLs of a config or of a child are never fetched and not checked.
 */
function isLayerUrl(text: string): boolean {
  return /^https?:\/\/[^\s#]+$/i.test(text) && URL.canParse(text);
}

/**
 * Maximum layers or children of one manifest. Images have up to 127 layers, models and datasets several thousand. Each
 * costs a row, and time in each read of the list.
 */
export const descriptorsAtMost = 5_000;

/** A list that must be present but may be null, because Go programs write null for an empty list. */
function readList(fields: Fields, key: string): readonly unknown[] {
  const value = fields.get(key) ?? (fields.has(key) ? [] : undefined);
  if (!Array.isArray(value)) throw invalidManifest(key, "must be a list");
  if (value.length > descriptorsAtMost)
    throw invalidManifest(
      key,
      `has ${value.length} entries, more than ${descriptorsAtMost}: split it into several manifests`,
    );
  return value;
}
