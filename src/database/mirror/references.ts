import { sql } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import { DOCKER_IMAGE_CONFIG, OCI_IMAGE_CONFIG } from "../../oci/media-types.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { dialectOf } from "../dialect.ts";
import { lockRepository } from "../registry/repositories.ts";
import type { NewManifest } from "../registry/schema.ts";
import type { Db } from "../schema.ts";

/*
 * What the manifests of a mirror tell about the blobs that they reference. A mirror has the manifest before the blobs.
 */

type PlatformColumns = Pick<
  NewManifest,
  "os" | "architecture" | "variant" | "os_version" | "os_features"
>;

interface Config {
  readonly repository: RepositoryName;
  readonly config: Digest;
}

/** The config of an image that has no platform. */
interface MirroredConfig {
  readonly repository: RepositoryName;
  readonly config: Digest;
  readonly sizeBytes: number;
}

interface PageOfManifests {
  readonly namespace: string;
  readonly afterId: number;
  readonly limit: number;
}

interface ConfigsWithoutPlatform {
  readonly configs: readonly MirroredConfig[];
  /** `undefined`: there are no more manifests. */
  readonly lastId: number | undefined;
}

export function createMirrorReferenceReads(db: Db) {
  return {
    /** The size of a blob according to a manifest of the repository. */
    async sizeOf(repository: RepositoryName, digest: Digest): Promise<number | undefined> {
      const row = await referencesTo(db, repository, digest)
        .select("reference.size_bytes as sizeBytes")
        .executeTakeFirst();
      return row?.sizeBytes;
    },

    /** The layers after this one in images of the repository, in order; without layers that have foreign URLs. */
    async layersBehind(
      repository: RepositoryName,
      digest: Digest,
      limit: number,
    ): Promise<readonly Digest[]> {
      const rows = await referencesTo(db, repository, digest)
        .innerJoin("manifest_references as next", (join) =>
          join
            .onRef("next.manifest_id", "=", "reference.manifest_id")
            .onRef("next.position", ">", "reference.position"),
        )
        .select("next.digest as digest")
        .where("reference.kind", "=", "layer")
        .where("next.kind", "=", "layer")
        .where("next.urls", "is", null)
        .orderBy("reference.manifest_id", "desc")
        .orderBy("next.position")
        .limit(limit)
        .execute();
      return [...new Set(rows.map((row) => row.digest))];
    },

    /** The URLs of a layer in the manifests of the repository. URLs of configs and children are never fetched. */
    async urlsOf(repository: RepositoryName, digest: Digest): Promise<readonly string[]> {
      const rows = await referencesTo(db, repository, digest)
        .select("reference.urls as urls")
        .where("reference.kind", "=", "layer")
        .where("reference.urls", "is not", null)
        .limit(10)
        .execute();
      return [...new Set(rows.flatMap(({ urls }) => JSON.parse(urls ?? "[]") as string[]))];
    },

    /**
     * Configs in the namespace whose images have no platform. Reads the first `limit` manifests of the registry after
     * `afterId`.
     */
    configsWithoutPlatform: (page: PageOfManifests): Promise<ConfigsWithoutPlatform> =>
      findConfigsWithoutPlatform(db, page),

    /** Whether images wait for the platform of this config. In a mirror the config arrives after the manifest. */
    isPlatformMissing: async (config: Config): Promise<boolean> =>
      (await withoutPlatform(db, config).limit(1).executeTakeFirst()) !== undefined,
  };
}

/** References to a digest in the manifests of one repository. */
const referencesTo = (db: Db, repository: RepositoryName, digest: Digest) =>
  db
    .selectFrom("manifest_references as reference")
    .innerJoin("manifests", "manifests.id", "reference.manifest_id")
    .innerJoin("repositories", "repositories.id", "manifests.repository_id")
    .where("reference.digest", "=", digest)
    .where("repositories.name", "=", repository);

async function findConfigsWithoutPlatform(
  db: Db,
  page: PageOfManifests,
): Promise<ConfigsWithoutPlatform> {
  const { rows } = await sql<
    { readonly id: number } & {
      readonly [K in keyof MirroredConfig]: MirroredConfig[K] | null;
    }
  >`
    SELECT seen.id AS id, repositories.name AS repository, blobs.digest AS config, blobs.size_bytes AS "sizeBytes"
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
}

/** Images of a repository that reference the config and have no platform. */
const withoutPlatform = (db: Db, { repository, config }: Config) =>
  referencesTo(db, repository, config)
    .select("manifests.id as id")
    .where("reference.kind", "=", "config")
    .where("manifests.os", "is", null)
    .where("manifests.architecture", "is", null);

/** Sets the platform of a config in all images of the repository that reference it and have none. */
export async function setPlatform(
  tx: Db,
  { platform, ...config }: Config & { readonly platform: PlatformColumns },
): Promise<void> {
  await lockRepository(tx, config.repository, "change");
  const images = await withoutPlatform(tx, config).execute();
  if (images.length === 0) return;
  const ids = images.map(({ id }) => id);
  await tx.updateTable("manifests").set(platform).where(dialectOf(tx).isOneOf("id", ids)).execute();
}
