import type { RepositoryName } from "../oci/name.ts";
import type { Digest } from "../oci/digest.ts";
import { oneOf } from "./one-of.ts";
import type { Database, NewManifest } from "./schema.ts";

type PlatformColumns = Pick<
  NewManifest,
  "os" | "architecture" | "variant" | "os_version" | "os_features"
>;

interface Config {
  readonly repository: RepositoryName;
  readonly config: Digest;
}

/** Images of a repository that name the config and whose platform is not known. */
const withoutPlatform = (db: Database, { repository, config }: Config) =>
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

export function createManifestPlatformReads(db: Database) {
  return {
    /** Whether a config could tell the platform of an image, as in a mirror, where it comes after the manifest. */
    areMissing: async (config: Config): Promise<boolean> =>
      (await withoutPlatform(db, config).limit(1).executeTakeFirst()) !== undefined,
  };
}

/** The platform that a config says, for all images of the repository that name it and have none yet. */
async function setPlatform(
  tx: Database,
  { platform, ...config }: Config & { readonly platform: PlatformColumns },
): Promise<void> {
  const images = await withoutPlatform(tx, config).execute();
  if (images.length === 0) return;
  const ids = images.map(({ id }) => id);
  await tx.updateTable("manifests").set(platform).where("id", "in", oneOf(ids)).execute();
}

export const manifestPlatformCommands = { setPlatform };
