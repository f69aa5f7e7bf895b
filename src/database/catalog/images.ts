import { sql, type RawBuilder } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import { dialectOf } from "../dialect.ts";
import type { Referrer } from "../registry/manifests.ts";
import type { Db } from "../schema.ts";
import type { TaggedManifest } from "./tag-pages.ts";

/** An entry of an index, with the manifest that it names if the repository has it. */
export interface IndexEntry extends Omit<TaggedManifest, "id" | "kind" | "pushedAtMs"> {
  readonly manifestId: number | null;
  readonly pushedAtMs: number | null;
  /** BuildKit's annotations: the type `attestation-manifest`, and the digest of the image that it describes. */
  readonly referenceType: string | null;
  readonly referenceDigest: string | null;
}

/** The first references of a manifest, and their total number. */
interface FirstOf<T> {
  readonly items: readonly T[];
  readonly total: number;
}

/** A config or a layer of an image. */
interface ImagePart {
  readonly kind: "config" | "layer";
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** Longer annotations and feature lists are not parsed; those of BuildKit have about 150 bytes. */
const jsonBytesAtMost = 8 * 1024;

const shownCharacters = 255;

/** The first 255 characters of a text that the pusher chose. */
const shownText = (column: string): RawBuilder<string> =>
  sql.raw(`substr(${column}, 1, ${shownCharacters})`);

export function createImageReads(db: Db) {
  return {
    /**
     * The first entries of an index, in document order. A platform that an entry omits is taken from the config. The
     * cost depends on `limit`, not on the number of entries.
     */
    entries: async (
      repositoryId: number,
      indexId: number,
      limit: number,
    ): Promise<FirstOf<IndexEntry>> => ({
      items: await firstEntries(db, repositoryId, indexId, limit),
      total: await countReferences(db, indexId),
    }),

    /** The config and the first layers of an image, in document order. */
    async parts(manifestId: number, limit: number): Promise<FirstOf<ImagePart>> {
      const { rows } = await sql<ImagePart>`
        SELECT kind, digest, size_bytes AS "sizeBytes" FROM manifest_references
        WHERE manifest_id = ${manifestId} AND position < ${limit} AND kind <> 'child'
        ORDER BY position`.execute(db);
      return {
        items: rows,
        total: rows.length < limit ? rows.length : await countReferences(db, manifestId),
      };
    },

    /** The first manifests that refer to `subject`, by digest; without annotations, which may be megabytes. */
    async referrers(
      repositoryId: number,
      subject: Digest,
      limit: number,
    ): Promise<readonly Omit<Referrer, "annotations">[]> {
      const { rows } = await sql<Omit<Referrer, "annotations">>`
        SELECT digest, ${shownText("media_type")} AS "mediaType", size_bytes AS "sizeBytes",
          ${shownText("artifact_type")} AS "artifactType"
        FROM manifests WHERE repository_id = ${repositoryId} AND subject_digest = ${subject}
        ORDER BY digest LIMIT ${limit}`.execute(db);
      return rows;
    },

    /** Bytes of config and layers together, by manifest id. */
    async sizes(manifestIds: readonly number[]): Promise<ReadonlyMap<number, number>> {
      if (manifestIds.length === 0) return new Map();
      const rows = await db
        .selectFrom("image_sizes")
        .select(["manifest_id as id", "size_bytes as bytes"])
        .where(dialectOf(db).isOneOf("manifest_id", manifestIds))
        .execute();
      return new Map(rows.map(({ id, bytes }) => [id, bytes]));
    },
  };
}

async function firstEntries(
  db: Db,
  repositoryId: number,
  indexId: number,
  limit: number,
): Promise<readonly IndexEntry[]> {
  // The platform is taken completely from one source: an entry with an os or an architecture is used alone.
  const platform = (column: string): RawBuilder<string | null> =>
    sql.raw(
      `CASE WHEN entry.os IS NULL AND entry.architecture IS NULL THEN manifests.${column} ELSE entry.${column} END`,
    );
  const shown = (column: string) =>
    sql`substr(${platform(column)}, 1, ${sql.lit(shownCharacters)})`;
  const parsed = (column: RawBuilder<string | null>) =>
    sql`CASE WHEN octet_length(${column}) <= ${jsonBytesAtMost} THEN ${column} END`;
  const { rows } = await sql<EntryRow>`
    SELECT entry.digest AS digest, ${shownText("entry.media_type")} AS "mediaType",
      entry.size_bytes AS "sizeBytes", ${shown("os")} AS os, ${shown("architecture")} AS architecture,
      ${shown("variant")} AS variant, ${shown("os_version")} AS "osVersion",
      ${parsed(platform("os_features"))} AS "osFeatures", ${parsed(sql`entry.annotations`)} AS annotations,
      ${shownText("coalesce(manifests.artifact_type, entry.artifact_type)")} AS "artifactType",
      ${shownText("manifests.config_media_type")} AS "configMediaType",
      manifests.id AS "manifestId", manifests.pushed_at AS "pushedAtMs"
    FROM manifest_references AS entry
    LEFT JOIN manifests ON manifests.repository_id = ${repositoryId} AND manifests.digest = entry.digest
    WHERE entry.manifest_id = ${indexId} AND entry.position < ${limit} AND entry.kind = 'child'
    ORDER BY entry.position`.execute(db);
  return rows.map(({ annotations, ...entry }) => {
    const texts = JSON.parse(annotations ?? "{}") as Readonly<Record<string, string | undefined>>;
    return {
      ...entry,
      referenceType: shortened(texts["vnd.docker.reference.type"]),
      referenceDigest: shortened(texts["vnd.docker.reference.digest"]),
    };
  });
}

type EntryRow = Omit<IndexEntry, "referenceType" | "referenceDigest"> & {
  /** JSON object. */
  readonly annotations: string | null;
};

/** The same as {@link shownText} in JavaScript. */
const shortened = (text: string | undefined): string | null =>
  text === undefined ? null : Array.from(text).slice(0, shownCharacters).join("");

/** Positions have no gaps, so the highest one gives the count without reading the other rows. */
async function countReferences(db: Db, manifestId: number): Promise<number> {
  const { rows } = await sql<{ readonly count: number }>`
    SELECT coalesce(max(position) + 1, 0) AS count FROM manifest_references
    WHERE manifest_id = ${manifestId}`.execute(db);
  return rows[0]?.count ?? 0;
}
