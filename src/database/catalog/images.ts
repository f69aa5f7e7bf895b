import { sql, type RawBuilder } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import { dialectOf } from "../dialect.ts";
import { isLive, notDeleting } from "../query-parts.ts";
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

/** A manifest found by its digest. */
export interface ManifestDetails extends TaggedManifest {
  readonly subjectDigest: Digest | null;
  /** JSON object; `null` also for more than 64 KiB. */
  readonly annotations: string | null;
  readonly hasAnnotations: 0 | 1;
}

/** A layer with what a client needs to fetch it. */
export interface StoredLayer {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** JSON array; `null` also for more than 8 KiB. */
  readonly urls: string | null;
  /** Whether the repository links the blob. */
  readonly isHere: 0 | 1;
}

/** A layer with the annotations of its descriptor: a JSON object, `null` also for more than 64 KiB. */
export interface AnnotatedLayer extends Pick<StoredLayer, "digest" | "mediaType" | "sizeBytes"> {
  readonly annotations: string | null;
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
/** Annotations are parsed only when a client asks for this manifest. */
const annotationBytesAtMost = 64 * 1024;

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

    /** The manifests of a repository with these digests, in any order. */
    manifests: (repositoryId: number, digests: readonly Digest[]) =>
      manifestsWith(db, repositoryId, digests),

    /** The first layers of an image, in document order. */
    layers: (repositoryId: number, manifestId: number, limit: number) =>
      firstLayers(db, repositoryId, manifestId, limit),

    /** The first layers of an image with their annotations. Its config is the reference before them. */
    async annotatedLayers(manifestId: number, limit: number): Promise<FirstOf<AnnotatedLayer>> {
      const { rows } = await sql<AnnotatedLayer>`
        SELECT digest, ${shownText("media_type")} AS "mediaType", size_bytes AS "sizeBytes",
          CASE WHEN octet_length(annotations) <= ${annotationBytesAtMost} THEN annotations END AS annotations
        FROM manifest_references
        WHERE manifest_id = ${manifestId} AND kind = 'layer' AND position <= ${limit}
        ORDER BY position`.execute(db);
      return { items: rows, total: (await countReferences(db, manifestId)) - 1 };
    },

    /** The digests of which the repository links a blob. */
    linkedBlobs: (repositoryId: number, digests: readonly Digest[]) =>
      linkedAmong(db, repositoryId, digests),

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

async function manifestsWith(
  db: Db,
  repositoryId: number,
  digests: readonly Digest[],
): Promise<readonly ManifestDetails[]> {
  const { rows } = await sql<ManifestDetails>`
    SELECT id, digest, ${shownText("media_type")} AS "mediaType", kind, size_bytes AS "sizeBytes",
      ${shownText("artifact_type")} AS "artifactType", ${shownText("config_media_type")} AS "configMediaType",
      pushed_at AS "pushedAtMs", ${shownText("os")} AS os, ${shownText("architecture")} AS architecture,
      ${shownText("variant")} AS variant, ${shownText("os_version")} AS "osVersion",
      CASE WHEN octet_length(os_features) <= ${jsonBytesAtMost} THEN os_features END AS "osFeatures",
      subject_digest AS "subjectDigest",
      CASE WHEN octet_length(annotations) <= ${annotationBytesAtMost} THEN annotations END AS annotations,
      CASE WHEN annotations IS NULL THEN 0 ELSE 1 END AS "hasAnnotations"
    FROM manifests
    WHERE ${dialectOf(db).isOneKeyOf(["repository_id", "digest"], repositoryId, digests)}`.execute(
    db,
  );
  return rows;
}

async function firstLayers(
  db: Db,
  repositoryId: number,
  manifestId: number,
  limit: number,
): Promise<readonly StoredLayer[]> {
  const { rows } = await sql<StoredLayer>`
    SELECT layers.digest AS digest, ${shownText("layers.media_type")} AS "mediaType",
      layers.size_bytes AS "sizeBytes",
      CASE WHEN octet_length(layers.urls) <= ${jsonBytesAtMost} THEN layers.urls END AS urls,
      CASE WHEN EXISTS (SELECT 1 FROM blobs JOIN blob_links ON blob_links.blob_id = blobs.id
        WHERE blobs.digest = layers.digest AND ${notDeleting} AND ${isLive}
          AND blob_links.repository_id = ${repositoryId}) THEN 1 ELSE 0 END AS "isHere"
    FROM manifest_references AS layers
    WHERE layers.manifest_id = ${manifestId} AND layers.kind = 'layer' AND layers.position <= ${limit}
    ORDER BY layers.position`.execute(db);
  return rows;
}

async function linkedAmong(
  db: Db,
  repositoryId: number,
  digests: readonly Digest[],
): Promise<ReadonlySet<Digest>> {
  if (digests.length === 0) return new Set();
  const { rows } = await sql<{ readonly digest: Digest }>`
    SELECT blobs.digest AS digest FROM blobs
    JOIN blob_links ON blob_links.blob_id = blobs.id AND blob_links.repository_id = ${repositoryId}
    WHERE ${dialectOf(db).isOneOf("blobs.digest", digests)} AND ${notDeleting} AND ${isLive}`.execute(
    db,
  );
  return new Set(rows.map(({ digest }) => digest));
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
