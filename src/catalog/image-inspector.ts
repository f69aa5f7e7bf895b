import type { Database } from "../database/contract.ts";
import type { Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import { isJsonObject, JsonError, parseJson } from "../oci/json.ts";
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
  /** The parsed config (image-spec config.md). `{}` if there is a problem. */
  readonly config: unknown;
  readonly configProblem: ConfigProblem | undefined;
}

/** Why an image config was not read. `invalid`: it is not a JSON object, or has too many values for `oci/json.ts`. */
export type ConfigProblem = "invalid" | "too large" | "not here";

interface ReadConfig {
  readonly config: unknown;
  readonly problem?: ConfigProblem;
}

/** One entry of the history of an image. */
export interface Step {
  readonly instruction: string;
  /** As the config has it. */
  readonly created: unknown;
  /** Position of its layer; `undefined`: it has none. */
  readonly layer: number | undefined;
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
  const configs = new Map<Digest, ReadConfig>();

  const readConfig = async (digest: Digest): Promise<ReadConfig> => {
    const blob = await registry.blobs.get(repository, digest).catch(ignoreUnknown);
    // A mirror downloads the config on the first pull, and a sparse registry never stores it.
    if (blob === undefined) return { config: {}, problem: "not here" };
    if (blob.sizeBytes === 0) return { config: {}, problem: "invalid" };
    if (blob.sizeBytes > configBytesAtMost) return { config: {}, problem: "too large" };
    const pieces: Uint8Array[] = [];
    const bytes = await registry.blobs.open(blob, { start: 0, end: blob.sizeBytes - 1 });
    for await (const piece of bytes) pieces.push(Uint8Array.from(piece));
    try {
      const config = parseJson(Buffer.concat(pieces));
      return isJsonObject(config) ? { config } : { config: {}, problem: "invalid" };
    } catch (error) {
      if (error instanceof JsonError) return { config: {}, problem: "invalid" };
      throw error;
    }
  };
  const configOf = async (digest: Digest): Promise<ReadConfig> => {
    const known = configs.get(digest) ?? (await readConfig(digest));
    configs.set(digest, known);
    return known;
  };

  /** @param layersAtMost number of layers to return; `layerCount` counts all */
  return async (manifestId: number, layersAtMost: number): Promise<InspectedImage> => {
    const { items, total } = await database.images.parts(manifestId, layersAtMost + 1);
    const config = items.find(({ kind }) => kind === "config");
    const read: ReadConfig = config === undefined ? { config: {} } : await configOf(config.digest);
    return {
      layers: items
        .filter(({ kind }) => kind === "layer")
        .slice(0, layersAtMost)
        .map(({ digest, sizeBytes }) => ({ digest, sizeBytes })),
      layerCount: config === undefined ? total : total - 1,
      config: read.config,
      configProblem: read.problem,
    };
  };
}

/** For a blob that the repository does not have. */
export function ignoreUnknown(error: unknown): undefined {
  if (error instanceof OciError && error.code === "BLOB_UNKNOWN") return;
  throw error;
}

/**
 * Returns the steps from `history` in the config, at most `stepsAtMost`; they have the first layers. If history and
 * layers differ in number, each layer is a step without an instruction.
 */
export function stepsOf(
  { layers, layerCount, config }: InspectedImage,
  stepsAtMost: number,
): { readonly steps: readonly Step[]; readonly count: number } {
  const { history } = (config ?? {}) as { readonly history?: unknown };
  const entries = (Array.isArray(history) ? history : []).filter(isJsonObject);
  const steps: Step[] = [];
  let layer = 0;
  for (const { created_by, created, empty_layer } of entries) {
    const instruction = typeof created_by === "string" ? created_by : "";
    const at = empty_layer === true ? undefined : layer;
    if (at !== undefined) layer += 1;
    if (steps.length < stepsAtMost) steps.push({ instruction, created, layer: at });
  }
  if (layer === layerCount) return { steps, count: entries.length };
  const known = layers.slice(0, stepsAtMost).map((_, at) => at);
  return {
    steps: known.map((at) => ({ instruction: "", created: undefined, layer: at })),
    count: layerCount,
  };
}

/** Returns the command that created each layer; empty texts if the history and the layers differ in number. */
export function instructionsOf(image: InspectedImage): readonly string[] {
  const { steps } = stepsOf(image, Infinity);
  const ofLayers = steps.filter(({ layer }) => layer !== undefined);
  return image.layers.map((_, at) => ofLayers[at]?.instruction ?? "");
}
