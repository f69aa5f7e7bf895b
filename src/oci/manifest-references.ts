import { parseDescriptor } from "./descriptor.ts";
import type { Descriptor } from "./descriptor.ts";
import { invalidManifest, join } from "./manifest-fields.ts";
import type { Fields } from "./manifest-fields.ts";
import { isDockerForeignLayer, isNondistributableLayer } from "./media-types.ts";

/**
 * Content a manifest points at. A `child` is usually a manifest, but need not be: BuildKit's cache
 * index lists layers and its config.
 */
export interface ManifestReference extends Descriptor {
  readonly kind: "config" | "layer" | "child";
  /** False when the content may live elsewhere: a nondistributable layer with urls. */
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

function readLayer(value: unknown, i: number): ManifestReference {
  const path = `layers[${i}]`;
  const layer = parseDescriptor(value, path);
  const hasUrls = layer.urls !== undefined && layer.urls.length > 0;
  if (isDockerForeignLayer(layer.mediaType) && !hasUrls) {
    throw invalidManifest(join(path, "urls"), "must not be empty: the layer is foreign");
  }
  const required = !(hasUrls && isNondistributableLayer(layer.mediaType));
  return { ...layer, kind: "layer", required };
}

/**
 * Layers, or children, of one manifest. Images have up to 127 layers, models and datasets several thousand; each costs
 * a row, and reads of the whole list.
 */
export const descriptorsAtMost = 10_000;

/** A list that must be there, but may be null: Go programs write an empty list so. */
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
