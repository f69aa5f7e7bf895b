import type { Database } from "../database/database.ts";
import type { Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import { JsonError, parseJson } from "../oci/json.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Registry } from "../registry/registry.ts";

export interface Layer {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface InspectedImage {
  /** The first ones. */
  readonly layers: readonly Layer[];
  readonly layerCount: number;
  /** As its author wrote it (image-spec config.md); `{}` where it is no JSON, very large, or not here. */
  readonly config: unknown;
}

/** Configs of images have a few KiB. Views read none that is larger, since several may be read for one answer. */
const configBytesAtMost = 256 * 1024;

/** Reads images for one answer: a config that several of them share is read once. */
export function createImageInspector(
  parts: {
    readonly database: Pick<Database, "images">;
    readonly registry: Pick<Registry, "blobs">;
  },
  repository: RepositoryName,
) {
  const { database, registry } = parts;
  const configs = new Map<Digest, unknown>();

  const readConfig = async (digest: Digest): Promise<unknown> => {
    const blob = await registry.blobs.get(repository, digest).catch(ignoreUnknown);
    // A mirror brings it when somebody pulls it, and a sparse registry never had it.
    if (blob === undefined) return {};
    if (blob.sizeBytes === 0 || blob.sizeBytes > configBytesAtMost) return {};
    const pieces: Uint8Array[] = [];
    const bytes = await registry.blobs.open(blob, { start: 0, end: blob.sizeBytes - 1 });
    for await (const piece of bytes) pieces.push(Uint8Array.from(piece));
    try {
      return parseJson(Buffer.concat(pieces));
    } catch (error) {
      if (error instanceof JsonError) return {};
      throw error;
    }
  };
  const configOf = async (digest: Digest): Promise<unknown> => {
    if (!configs.has(digest)) configs.set(digest, await readConfig(digest));
    return configs.get(digest);
  };

  /** @param layersAtMost of the image that are of interest */
  return async (manifestId: number, layersAtMost: number): Promise<InspectedImage> => {
    const { items, total } = await database.images.parts(manifestId, layersAtMost + 1);
    const config = items.find(({ kind }) => kind === "config");
    return {
      layers: items
        .filter(({ kind }) => kind === "layer")
        .slice(0, layersAtMost)
        .map(({ digest, sizeBytes }) => ({ digest, sizeBytes })),
      layerCount: config === undefined ? total : total - 1,
      config: config === undefined ? {} : await configOf(config.digest),
    };
  };
}

function ignoreUnknown(error: unknown): undefined {
  if (error instanceof OciError && error.code === "BLOB_UNKNOWN") return;
  throw error;
}

/** The command that made each layer, from the config's history; an empty text where that does not fit the layers. */
export function instructionsOf({ layers, layerCount, config }: InspectedImage): readonly string[] {
  const { history } = (config ?? {}) as { readonly history?: unknown };
  const steps = (Array.isArray(history) ? history : []).filter(
    (step: unknown) => typeof step === "object" && step !== null && !("empty_layer" in step),
  ) as readonly { readonly created_by?: unknown }[];
  return layers.map((_, at) => {
    const said = steps.length === layerCount ? steps[at]?.created_by : "";
    return typeof said === "string" ? said : "";
  });
}
