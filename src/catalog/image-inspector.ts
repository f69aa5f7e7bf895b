import type { Database } from "../database/contract.ts";
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
  /** The first `layersAtMost` layers. */
  readonly layers: readonly Layer[];
  readonly layerCount: number;
  /** The parsed config (image-spec config.md). `{}` if it is not JSON, larger than 256 KiB, or not stored. */
  readonly config: unknown;
}

/** Image configs have a few KiB. Larger ones are not read, because one response may need several configs. */
const configBytesAtMost = 256 * 1024;

/** Reads the images of one response. A config that several images share is read once. */
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
    // A mirror downloads the config on the first pull, and a sparse registry never stores it.
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

  /** @param layersAtMost number of layers to return; `layerCount` counts all */
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

/**
 * Returns the command that created each layer, from `history` in the config. Empty texts if the history and the layers
 * differ in number.
 */
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
