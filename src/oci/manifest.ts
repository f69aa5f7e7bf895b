import { parseDescriptor, readArtifactType, type Descriptor } from "./descriptor.ts";
import { parseDigest } from "./digest.ts";
import { orAbsent } from "./errors.ts";
import { isJsonObject, JsonBoundError, JsonError, parseStrictJson } from "./json.ts";
import {
  invalidManifest,
  join,
  knownKeys,
  readAnnotations,
  readFields,
  readMediaType,
  type Fields,
} from "./manifest-fields.ts";
import {
  bareMediaType,
  isDockerForeignLayer,
  manifestKindOf,
  OCI_ARTIFACT_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
  OCTET_STREAM,
} from "./media-types.ts";

/** The parsed fields of a manifest. The manifest itself is stored and served as the received bytes. */
export interface Manifest {
  readonly mediaType: string;
  readonly kind: "image" | "index" | "opaque";
  /** The value for a referrers list: the field, or for an image without it the media type of the config. */
  readonly artifactType?: string;
  readonly subject?: Descriptor;
  readonly annotations?: Record<string, string>;
  /** In the order of the manifest: the config and the layers, or the children. */
  readonly references: readonly ManifestReference[];
}

/**
 * Content that a manifest references. A `child` is usually a manifest, but may be a blob: BuildKit's cache
 * index lists layers and its config.
 */
export interface ManifestReference extends Descriptor {
  readonly kind: "config" | "layer" | "child";
  /** False if the content may be missing here: a layer with urls, and content of a manifest of a configured type. */
  readonly required: boolean;
}

type CommonParts = Pick<Manifest, "artifactType" | "subject" | "annotations">;

/**
 * Maximum layers or children of one manifest. Images have up to 127 layers, models and datasets several thousand. Each
 * costs a row, and time in each read of the list.
 */
export const descriptorsAtMost = 5_000;

const IMAGE_KEYS = ["config", "layers", "fsLayers"];
const MANIFEST_KEYS = knownKeys(
  "schemaVersion",
  "mediaType",
  "artifactType",
  "manifests",
  "subject",
  "annotations",
  ...IMAGE_KEYS,
);

/**
 * Parses a manifest. The media type is that of the Content-Type header without parameters, else that of the body, else
 * it is inferred. An unknown type gives an `opaque` manifest, whose references are all descriptors in it. Throws
 * MANIFEST_INVALID if the bytes are not strict JSON, do not have the shape of their type, or can be read as two kinds
 * of manifest (image-spec manifest.md, image-index.md). The caller limits the size.
 */
export function parseManifest(bytes: Uint8Array, contentType: string | undefined): Manifest {
  const fields = readFields(readJson(bytes), "", MANIFEST_KEYS);
  if (fields.has("manifests") && IMAGE_KEYS.some((key) => fields.has(key))) {
    throw invalidManifest("", "has both manifests and config or layers: send an index or an image");
  }
  const mediaType = mediaTypeOf(fields, contentType);
  const kind = manifestKindOf(mediaType);
  if (kind === "schema1" || (fields.get("schemaVersion") === 1 && fields.has("fsLayers"))) {
    throw invalidManifest(
      "",
      "is of Docker schema version 1, which is not supported: push it with a newer client",
    );
  }
  if (mediaType.toLowerCase() === OCI_ARTIFACT_MANIFEST) {
    throw invalidManifest("", "has the withdrawn OCI artifact type: send an image manifest");
  }
  if (kind === "opaque") return readOpaque(fields, mediaType);

  if (fields.get("schemaVersion") !== 2) throw invalidManifest("schemaVersion", "must be 2");
  const references = kind === "image" ? readImageReferences(fields) : readChildren(fields);
  const config = references.find((reference) => reference.kind === "config");
  const parts = partsOf(
    readArtifactType(fields) ?? config?.mediaType,
    readSubject(fields),
    readAnnotations(fields),
  );
  return { mediaType, kind, ...parts, references };
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    if (error instanceof JsonBoundError)
      throw invalidManifest(
        "",
        `is too complex: ${error.message}; split it into several manifests`,
      );
    throw invalidManifest("", `is not strict JSON: ${error.message}`);
  }
}

function mediaTypeOf(fields: Fields, contentType: string | undefined): string {
  const ofBody = readMediaType(fields, "mediaType");
  if (ofBody !== undefined && bareMediaType(ofBody) !== ofBody) {
    throw invalidManifest("mediaType", "must not have parameters");
  }
  if (contentType === undefined || contentType.trim() === "") {
    return ofBody ?? inferMediaType(fields);
  }
  const ofHeader = bareMediaType(contentType);
  if (ofHeader === undefined)
    throw invalidManifest("", "has a Content-Type that is not a media type");
  if (ofBody !== undefined && ofBody !== ofHeader) {
    throw invalidManifest("mediaType", "differs from the Content-Type");
  }
  return ofHeader;
}

function inferMediaType(fields: Fields): string {
  if (fields.has("manifests")) return OCI_INDEX;
  if (fields.has("config")) return OCI_MANIFEST;
  throw invalidManifest("mediaType", "is missing, as is the Content-Type: send one of them");
}

/**
 * Reads a manifest of an unknown type. Common fields are used if they have the known shape. Each descriptor, at any
 * depth, is content that the manifest keeps.
 */
function readOpaque(fields: Fields, mediaType: string): Manifest {
  const parts = partsOf(
    orAbsent(() => readArtifactType(fields)),
    orAbsent(() => readSubject(fields)),
    orAbsent(() => readAnnotations(fields)),
  );
  const references = readNamedContent(fields);
  return { mediaType, kind: "opaque", ...parts, references };
}

function readSubject(fields: Fields): Descriptor | undefined {
  const subject = fields.get("subject");
  return subject === undefined ? undefined : parseDescriptor(subject, "subject");
}

function partsOf(
  artifactType: string | undefined,
  subject: Descriptor | undefined,
  annotations: Record<string, string> | undefined,
): CommonParts {
  return {
    ...(artifactType !== undefined && { artifactType }),
    ...(subject !== undefined && { subject }),
    ...(annotations !== undefined && { annotations }),
  };
}

/** The config, then the layers, of an image manifest. Throws MANIFEST_INVALID. */
function readImageReferences(fields: Fields): readonly ManifestReference[] {
  const config = fields.get("config");
  if (config === undefined) throw invalidManifest("config", "is missing");
  return [
    { ...parseDescriptor(config, "config"), kind: "config", required: true },
    ...readList(fields, "layers").map(readLayer),
  ];
}

/** The children of an index, in its order. Throws MANIFEST_INVALID. */
function readChildren(fields: Fields): readonly ManifestReference[] {
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
function readNamedContent(fields: Fields): readonly ManifestReference[] {
  const found = new Map<string, ManifestReference>();
  const collect = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(collect);
    if (!isJsonObject(value)) return;
    const { digest: text, mediaType, size } = value;
    const digest = typeof text === "string" ? orAbsent(() => parseDigest(text)) : undefined;
    if (digest !== undefined && !found.has(digest))
      found.set(digest, {
        digest,
        kind: "child",
        required: false,
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
