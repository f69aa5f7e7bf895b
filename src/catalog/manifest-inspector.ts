import { childrenAtMost, rawManifestBytesAtMost, stepsAtMost } from "../api/limits.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";
import type { IndexEntry, ManifestDetails, StoredLayer } from "../database/catalog/images.ts";
import type { Database } from "../database/contract.ts";
import type { Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import { isImageConfig } from "../oci/media-types.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Registry } from "../registry/registry.ts";
import { readImageConfig, timeIn, type ImageConfig } from "./image-config.ts";
import { createImageInspector, stepsOf, type ConfigProblem } from "./image-inspector.ts";

/** An entry of an index, and whether the repository has its content. */
export interface IndexChild extends IndexEntry {
  readonly isHere: boolean;
}

/** A step of the history of an image, with its layer if it has one. */
export interface ImageStep {
  readonly instruction: string;
  readonly createdAtMs: number | undefined;
  readonly layer: StoredLayer | undefined;
}

/** A manifest with all that it consists of. */
export interface InspectedManifest extends ManifestDetails {
  /** The exact text; `undefined` for more than {@link rawManifestBytesAtMost}. */
  readonly raw: string | undefined;
  /** The first {@link childrenAtMost} entries of an index, or the content that an opaque manifest names. */
  readonly children: readonly IndexChild[];
  readonly childCount: number;
  /** `undefined`: the manifest is no container image, or there is a problem. */
  readonly config: ImageConfig | undefined;
  readonly configProblem: ConfigProblem | undefined;
  /** The first {@link stepsAtMost}. */
  readonly steps: readonly ImageStep[];
  readonly stepCount: number;
}

type Children = Pick<InspectedManifest, "children" | "childCount">;
type Contents = Pick<InspectedManifest, "config" | "configProblem" | "steps" | "stepCount">;

const noChildren: Children = { children: [], childCount: 0 };
const noContents: Contents = {
  ...{ config: undefined, configProblem: undefined, steps: [], stepCount: 0 },
};

/** Throws NAME_UNKNOWN, and MANIFEST_UNKNOWN if the repository does not have the manifest. */
export async function findManifest(
  database: Pick<Database, "images" | "repositoryDetails">,
  repository: RepositoryName,
  digest: Digest,
) {
  const [home] = await database.repositoryDetails.find([repository], { fullTexts: false });
  if (home === undefined) throw new OciError("NAME_UNKNOWN");
  const [manifest] = await database.images.manifests(home.id, [digest]);
  if (manifest === undefined)
    throw new OciError("MANIFEST_UNKNOWN", undefined, { detail: { digest } });
  return { home, manifest };
}

export type ManifestInspector = ReturnType<typeof createManifestInspector>;

export function createManifestInspector(parts: {
  readonly database: Pick<Database, "facts" | "images" | "repositoryDetails">;
  readonly registry: Pick<Registry, "blobs">;
}) {
  const { database } = parts;

  /** The steps and the configuration of an image manifest. */
  const contentsOf = async (
    repository: RepositoryName,
    repositoryId: number,
    { id, configMediaType }: ManifestDetails,
  ): Promise<Contents> => {
    const isImage = configMediaType !== null && isImageConfig(configMediaType);
    const inspected = await createImageInspector(parts, repository)(id, stepsAtMost);
    const { config, configProblem } = inspected;
    const layers = await database.images.layers(repositoryId, id, stepsAtMost);
    const { steps, count } = stepsOf(
      isImage ? inspected : { ...inspected, config: {} },
      stepsAtMost,
    );
    const hasConfig = isImage && configProblem === undefined;
    return {
      config: hasConfig ? readImageConfig(config as Record<string, unknown>) : undefined,
      configProblem: isImage ? configProblem : undefined,
      steps: steps.map(({ instruction, created, layer }) => ({
        instruction,
        createdAtMs: timeIn(created),
        layer: layer === undefined ? undefined : layers[layer],
      })),
      stepCount: count,
    };
  };

  const childrenOf = async (repositoryId: number, { id }: ManifestDetails): Promise<Children> => {
    const { items, total } = await database.images.entries(repositoryId, id, childrenAtMost);
    // An index of BuildKit's cache, and a manifest of an unknown type, may name blobs.
    const others = items.filter(({ manifestId }) => manifestId === null);
    const blobs = await database.images.linkedBlobs(
      repositoryId,
      others.map(({ digest }) => digest),
    );
    const isHere = ({ manifestId, digest }: IndexEntry) => manifestId !== null || blobs.has(digest);
    const children = items.map((entry) => ({ ...entry, isHere: isHere(entry) }));
    return { children, childCount: total };
  };

  return {
    /** Throws NAME_UNKNOWN, and MANIFEST_UNKNOWN if the repository does not have the manifest. */
    async get(
      repository: RepositoryName,
      digest: Digest,
      work: YieldingWork,
    ): Promise<InspectedManifest> {
      const { home, manifest } = await findManifest(database, repository, digest);
      const reference = { kind: "digest", digest } as const;
      const stored =
        manifest.sizeBytes <= rawManifestBytesAtMost
          ? await database.facts.manifests.get(repository, reference)
          : undefined;
      await work.step();
      const isImage = manifest.kind === "image";
      return {
        ...manifest,
        raw: stored && Buffer.from(stored.content).toString("utf8"),
        ...(isImage ? noChildren : await childrenOf(home.id, manifest)),
        ...(isImage ? await contentsOf(repository, home.id, manifest) : noContents),
      };
    },
  };
}
