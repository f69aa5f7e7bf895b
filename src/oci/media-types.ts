export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const OCI_IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json";
export const OCI_EMPTY = "application/vnd.oci.empty.v1+json";
export const OCI_LAYER = "application/vnd.oci.image.layer.v1.tar";
export const OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
export const OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd";
export const OCI_NONDISTRIBUTABLE_LAYER = "application/vnd.oci.image.layer.nondistributable.v1.tar";
export const OCI_NONDISTRIBUTABLE_LAYER_GZIP =
  "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
export const OCI_NONDISTRIBUTABLE_LAYER_ZSTD =
  "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd";
/** Withdrawn before image-spec 1.1 was released. */
export const OCI_ARTIFACT_MANIFEST = "application/vnd.oci.artifact.manifest.v1+json";

export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
export const DOCKER_MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
export const DOCKER_IMAGE_CONFIG = "application/vnd.docker.container.image.v1+json";
export const DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip";
export const DOCKER_FOREIGN_LAYER = "application/vnd.docker.image.rootfs.foreign.diff.tar";
export const DOCKER_FOREIGN_LAYER_GZIP =
  "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
export const DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json";
export const DOCKER_SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws";

export const OCTET_STREAM = "application/octet-stream";

const KINDS: ReadonlyMap<string, "image" | "index" | "schema1"> = new Map([
  [OCI_MANIFEST, "image"],
  [DOCKER_MANIFEST, "image"],
  [OCI_INDEX, "index"],
  [DOCKER_MANIFEST_LIST, "index"],
  [DOCKER_SCHEMA1, "schema1"],
  [DOCKER_SCHEMA1_SIGNED, "schema1"],
]);

const DOCKER_FOREIGN: ReadonlySet<string> = new Set([
  DOCKER_FOREIGN_LAYER,
  DOCKER_FOREIGN_LAYER_GZIP,
]);

// RFC 6838, section 4.2: restricted names of up to 127 characters.
const MEDIA_TYPE =
  /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;

/**
 * The kind of a manifest with this media type. Case does not matter (RFC 6838, section 4.2), so that each spelling of a
 * known type gets its rules. Unknown types are `opaque`.
 */
export function manifestKindOf(mediaType: string): "image" | "index" | "schema1" | "opaque" {
  return KINDS.get(mediaType.toLowerCase()) ?? "opaque";
}

/** Whether the layer has a Docker foreign type, which must have `urls`. */
export function isDockerForeignLayer(mediaType: string): boolean {
  return DOCKER_FOREIGN.has(mediaType);
}

/** Whether a blob of this type is the configuration of a container image, with os and architecture. */
export function isImageConfig(mediaType: string): boolean {
  return mediaType === OCI_IMAGE_CONFIG || mediaType === DOCKER_IMAGE_CONFIG;
}

/**
 * The media type of a header value without parameters and surrounding space, in the received case;
 * undefined if it is not `type/subtype` (RFC 6838).
 */
export function bareMediaType(header: string): string | undefined {
  const end = header.indexOf(";");
  const bare = (end === -1 ? header : header.slice(0, end)).trim();
  return MEDIA_TYPE.test(bare) ? bare : undefined;
}
