import { sql } from "kysely";
import { oneOf } from "./one-of.ts";
import type { Database } from "./schema.ts";
import type { TaggedManifest } from "./tag-pages.ts";

/** An entry of an index, with the manifest that it names if the repository has it. */
export interface IndexEntry extends Omit<TaggedManifest, "id" | "kind" | "pushedAtMs"> {
  readonly indexId: number;
  readonly manifestId: number | null;
  readonly pushedAtMs: number | null;
  /** JSON object. */
  readonly annotations: string | null;
}

export function createImageReads(db: Database) {
  return {
    /** The entries of indexes, in the order they were pushed in; a platform that an entry leaves out is the config's. */
    async entries(
      repositoryId: number,
      indexIds: readonly number[],
    ): Promise<readonly IndexEntry[]> {
      if (indexIds.length === 0) return [];
      const platform = sql.raw(
        ["os", "architecture", "variant", "os_version AS osVersion", "os_features AS osFeatures"]
          .map((column) => {
            const [name = "", , as = name] = column.split(" ");
            return `iif(entry.os IS NULL AND entry.architecture IS NULL, manifests.${name}, entry.${name}) AS ${as}`;
          })
          .join(", "),
      );
      const { rows } = await sql<IndexEntry>`
        SELECT entry.manifest_id AS indexId, entry.digest AS digest, entry.media_type AS mediaType,
          entry.size_bytes AS sizeBytes, entry.annotations AS annotations, ${platform},
          coalesce(manifests.artifact_type, entry.artifact_type) AS artifactType,
          manifests.config_media_type AS configMediaType,
          manifests.id AS manifestId, manifests.pushed_at AS pushedAtMs
        FROM manifest_references AS entry
        LEFT JOIN manifests ON manifests.repository_id = ${repositoryId} AND manifests.digest = entry.digest
        WHERE entry.manifest_id IN ${oneOf(indexIds)} AND entry.kind = 'child'
        ORDER BY entry.manifest_id, entry.position`.execute(db);
      return rows;
    },

    /** Bytes of config and layers together, by the id of the manifest. */
    async sizes(manifestIds: readonly number[]): Promise<ReadonlyMap<number, number>> {
      if (manifestIds.length === 0) return new Map();
      const rows = await db
        .selectFrom("manifest_references")
        .select(({ fn }) => ["manifest_id as id", fn.sum<number>("size_bytes").as("bytes")])
        .where("manifest_id", "in", oneOf(manifestIds))
        .where("kind", "in", ["config", "layer"])
        .groupBy("manifest_id")
        .execute();
      return new Map(rows.map(({ id, bytes }) => [id, bytes]));
    },
  };
}
