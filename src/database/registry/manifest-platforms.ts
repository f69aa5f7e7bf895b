import { sql } from "kysely";
import { DOCKER_IMAGE_CONFIG, OCI_IMAGE_CONFIG } from "../../oci/media-types.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Digest } from "../../oci/digest.ts";
import { oneOf } from "../one-of.ts";
import type { Db, NewManifest } from "../schema.ts";

type PlatformColumns = Pick<
  NewManifest,
  "os" | "architecture" | "variant" | "os_version" | "os_features"
>;

interface Config {
  readonly repository: RepositoryName;
  readonly config: Digest;
}

/** Images of a repository that reference the config and have no platform. */
const withoutPlatform = (db: Db, { repository, config }: Config) =>
  db
    .selectFrom("manifest_references")
    .innerJoin("manifests", "manifests.id", "manifest_references.manifest_id")
    .innerJoin("repositories", "repositories.id", "manifests.repository_id")
    .select("manifests.id as id")
    .where("manifest_references.digest", "=", config)
    .where("manifest_references.kind", "=", "config")
    .where("repositories.name", "=", repository)
    .where("manifests.os", "is", null)
    .where("manifests.architecture", "is", null);

export interface LearnableConfig {
  readonly repository: RepositoryName;
  readonly config: Digest;
  readonly sizeBytes: number;
}

export function createManifestPlatformReads(db: Db) {
  return {
    /**
     * Configs in the namespace whose images have no platform. Reads the first `limit` manifests of the registry after
     * `afterId`. `lastId` is `undefined` when there are no more manifests.
     */
    async learnable(page: {
      readonly namespace: string;
      readonly afterId: number;
      readonly limit: number;
    }): Promise<{
      readonly configs: readonly LearnableConfig[];
      readonly lastId: number | undefined;
    }> {
      const { rows } = await sql<
        { readonly id: number } & {
          readonly [K in keyof LearnableConfig]: LearnableConfig[K] | null;
        }
      >`
        SELECT seen.id AS id, repositories.name AS repository, blobs.digest AS config, blobs.size_bytes AS sizeBytes
        FROM (
          SELECT id, repository_id FROM manifests WHERE id > ${page.afterId} ORDER BY id LIMIT ${page.limit}
        ) AS seen
        LEFT JOIN manifests AS image ON image.id = seen.id AND image.os IS NULL AND image.architecture IS NULL
          AND image.config_media_type IN (${OCI_IMAGE_CONFIG}, ${DOCKER_IMAGE_CONFIG})
        LEFT JOIN repositories ON repositories.id = image.repository_id AND repositories.namespace = ${page.namespace}
        LEFT JOIN manifest_references AS named ON named.manifest_id = image.id AND named.position = 0
        LEFT JOIN blobs ON blobs.digest = named.digest AND blobs.state <> 'deleting'
          AND EXISTS (SELECT 1 FROM blob_links WHERE repository_id = repositories.id AND blob_id = blobs.id)
        ORDER BY seen.id`.execute(db);
      const configs = rows.flatMap(({ repository, config, sizeBytes }) =>
        repository === null || config === null || sizeBytes === null
          ? []
          : [{ repository, config, sizeBytes }],
      );
      return { configs, lastId: rows.at(-1)?.id };
    },

    /** Whether images wait for the platform of this config. In a mirror the config arrives after the manifest. */
    areMissing: async (config: Config): Promise<boolean> =>
      (await withoutPlatform(db, config).limit(1).executeTakeFirst()) !== undefined,
  };
}

/** Sets the platform of a config in all images of the repository that reference it and have none. */
async function setPlatform(
  tx: Db,
  { platform, ...config }: Config & { readonly platform: PlatformColumns },
): Promise<void> {
  const images = await withoutPlatform(tx, config).execute();
  if (images.length === 0) return;
  const ids = images.map(({ id }) => id);
  await tx.updateTable("manifests").set(platform).where("id", "in", oneOf(ids)).execute();
}

export const manifestPlatformCommands = { setPlatform };
