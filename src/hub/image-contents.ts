import type { Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import { parseManifest } from "../oci/manifest.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Registry } from "../registry/registry.ts";

export interface Layer {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface ImageContents {
  readonly layers: readonly Layer[];
  /** As its author wrote it (image-spec config.md); `{}` where it is no JSON, very large, or not here. */
  readonly config: unknown;
}

/** Configs of images are a few KiB; one larger than this is not read. */
const largestConfigBytes = 4 * 1024 * 1024;

/** Reads an image's manifest and config. Throws MANIFEST_UNKNOWN. */
export function createImageContents(registry: Pick<Registry, "manifests" | "blobs">) {
  const readConfig = async (repository: RepositoryName, digest: Digest): Promise<unknown> => {
    const blob = await registry.blobs.get(repository, digest).catch(ignoreUnknown);
    // A mirror brings it when somebody pulls it, and a sparse registry never had it.
    if (blob === undefined) return {};
    if (blob.sizeBytes === 0 || blob.sizeBytes > largestConfigBytes) return {};
    const pieces: Uint8Array[] = [];
    const bytes = await registry.blobs.open(blob, { start: 0, end: blob.sizeBytes - 1 });
    for await (const piece of bytes) pieces.push(Uint8Array.from(piece));
    try {
      return JSON.parse(Buffer.concat(pieces).toString("utf8"));
    } catch {
      return {};
    }
  };

  return async (repository: RepositoryName, digest: Digest): Promise<ImageContents> => {
    const { content, mediaType } = await registry.manifests.get(repository, {
      ...{ kind: "digest", digest },
    });
    const { references } = parseManifest(content, mediaType);
    const config = references.find(({ kind }) => kind === "config");
    return {
      layers: references
        .filter(({ kind }) => kind === "layer")
        .map((layer): Layer => ({ digest: layer.digest, sizeBytes: layer.sizeBytes })),
      config: config === undefined ? {} : await readConfig(repository, config.digest),
    };
  };
}

function ignoreUnknown(error: unknown): undefined {
  if (error instanceof OciError && error.code === "BLOB_UNKNOWN") return;
  throw error;
}

/** The command that made each layer, from the config's history; an empty text where that does not fit the layers. */
export function instructionsOf({ layers, config }: ImageContents): readonly string[] {
  const { history } = (config ?? {}) as { readonly history?: unknown };
  const steps = (Array.isArray(history) ? history : []).filter(
    (step: unknown) => typeof step === "object" && step !== null && !("empty_layer" in step),
  ) as readonly { readonly created_by?: unknown }[];
  return layers.map((_, at) => {
    const said = steps.length === layers.length ? steps[at]?.created_by : "";
    return typeof said === "string" ? said : "";
  });
}
