import { imageLayersAtMost } from "../api/limits.ts";
import type { VisibilityFilter } from "../auth/visibility.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";
import type { Database } from "../database/contract.ts";
import type { Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";

interface LayerSharing {
  /** The first {@link imageLayersAtMost} layers, each digest once, in the order of the image. */
  readonly layers: readonly {
    readonly digest: Digest;
    readonly tags: number;
    readonly repositories: number;
  }[];
  /** Bytes of these layers: also in another repository, else in another image of this one, else in this image alone. */
  readonly bytes: { readonly elsewhere: number; readonly here: number; readonly alone: number };
}

/** Layers per query. For each layer the query reads up to 1,000 repositories and 1,000 manifests. */
const layersAtOnce = 5;

export type LayerSharingReports = ReturnType<typeof createLayerSharingReports>;

/** Where else the layers of an image are used. Only repositories that the principal may read are counted. */
export function createLayerSharingReports(parts: {
  readonly database: Pick<Database, "images" | "repositoryDetails" | "storageUsage">;
}) {
  const { images, repositoryDetails, storageUsage } = parts.database;
  return {
    /** Throws NAME_UNKNOWN, and MANIFEST_UNKNOWN if the repository does not have the manifest. */
    async of(
      { repository, digest }: { readonly repository: RepositoryName; readonly digest: Digest },
      visibility: VisibilityFilter,
      work: YieldingWork,
    ): Promise<LayerSharing> {
      const [home] = await repositoryDetails.find([repository], { fullTexts: false });
      if (home === undefined) throw new OciError("NAME_UNKNOWN");
      const [manifest] = await images.manifests(home.id, [digest]);
      if (manifest === undefined)
        throw new OciError("MANIFEST_UNKNOWN", undefined, { detail: { digest } });
      const layers = await images.layers(home.id, manifest.id, imageLayersAtMost);
      const digests = [...new Set(layers.map((layer) => layer.digest))];
      const found = new Map<Digest, { readonly tags: number; readonly repositories: number }>();
      const bytes = { elsewhere: 0, here: 0, alone: 0 };
      for (let at = 0; at < digests.length; at += layersAtOnce) {
        await work.step();
        const some = digests.slice(at, at + layersAtOnce);
        const of = { repositoryId: home.id, manifestId: manifest.id };
        for (const blob of await storageUsage.sharing(of, some, visibility)) {
          found.set(blob.digest, blob);
          if (blob.repositories > 0) bytes.elsewhere += blob.sizeBytes;
          else if (blob.isUsedHere === 1) bytes.here += blob.sizeBytes;
          else bytes.alone += blob.sizeBytes;
        }
      }
      const useOf = (one: Digest) => found.get(one) ?? { tags: 0, repositories: 0 };
      return {
        layers: digests.map((one) => {
          const { tags, repositories } = useOf(one);
          return { digest: one, tags, repositories };
        }),
        bytes,
      };
    },
  };
}
