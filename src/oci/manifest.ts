import { parseDescriptor, readArtifactType } from "./descriptor.ts";
import type { Descriptor } from "./descriptor.ts";
import { JsonBoundError, JsonError, parseStrictJson } from "./json.ts";
import {
  invalidManifest,
  knownKeys,
  orAbsent,
  readAnnotations,
  readFields,
  readMediaType,
} from "./manifest-fields.ts";
import type { Fields } from "./manifest-fields.ts";
import { readChildren, readImageReferences, readNamedContent } from "./manifest-references.ts";
import type { ManifestReference } from "./manifest-references.ts";
import {
  OCI_ARTIFACT_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
  bareMediaType,
  manifestKindOf,
} from "./media-types.ts";

export type { ManifestReference } from "./manifest-references.ts";

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

type CommonParts = Pick<Manifest, "artifactType" | "subject" | "annotations">;

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
    throw invalidManifest("", "has manifests and config or layers: is it an index or an image?");
  }
  const mediaType = mediaTypeOf(fields, contentType);
  const kind = manifestKindOf(mediaType);
  if (kind === "schema1" || (fields.get("schemaVersion") === 1 && fields.has("fsLayers"))) {
    throw invalidManifest("", "is of Docker schema version 1, which is not supported");
  }
  if (mediaType.toLowerCase() === OCI_ARTIFACT_MANIFEST) {
    throw invalidManifest("", "is of the withdrawn OCI artifact type: use an image manifest");
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
  if (ofHeader === undefined) throw invalidManifest("", "has a Content-Type that is no media type");
  if (ofBody !== undefined && ofBody !== ofHeader) {
    throw invalidManifest("mediaType", "is not the Content-Type");
  }
  return ofHeader;
}

function inferMediaType(fields: Fields): string {
  if (fields.has("manifests")) return OCI_INDEX;
  if (fields.has("config")) return OCI_MANIFEST;
  throw invalidManifest("mediaType", "is missing, and so is the Content-Type");
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
