/** The content type of a tag, with the values of Docker Hub. */
export type ContentType =
  | "image"
  | "plugin"
  | "helm"
  | "wasm"
  | "compose"
  | "model"
  | "unrecognized";

interface Kind {
  readonly kind: "image" | "index" | "opaque";
  readonly artifactType: string | null;
  readonly configMediaType: string | null;
}

const known: readonly (readonly [prefix: string, type: ContentType])[] = [
  ["application/vnd.docker.container.image.v1+json", "image"],
  ["application/vnd.oci.image.config.v1+json", "image"],
  ["application/vnd.docker.plugin.", "plugin"],
  ["application/vnd.cncf.helm.", "helm"],
  ["application/vnd.wasm.", "wasm"],
  ["application/vnd.docker.compose.project", "compose"],
  ["application/vnd.docker.ai.", "model"],
  ["application/vnd.cncf.model.", "model"],
];

/**
 * Uses the artifact type or the config media type. Without both: `unrecognized` for opaque manifests, otherwise
 * `image`.
 */
export function contentTypeOf({ kind, artifactType, configMediaType }: Kind): ContentType {
  const told = [artifactType, configMediaType].filter((type) => type !== null);
  if (told.length === 0) return kind === "opaque" ? "unrecognized" : "image";
  const found = known.find(([prefix]) => told.some((type) => type.startsWith(prefix)));
  return found?.[1] ?? "unrecognized";
}
