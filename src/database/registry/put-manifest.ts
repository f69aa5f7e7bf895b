import { sql } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import { namespaceOf } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import { recordEvents } from "../events/events.ts";
import { addManifestCandidate, type EventTimes } from "../maintenance/gc-candidates.ts";
import { checkMirrorTag } from "../mirror/tags.ts";
import { prepared, preparedForRows, type PlaceholderRows, type Placeholders } from "../prepared.ts";
import { isLive, notDeleting, slicesOf } from "../query-parts.ts";
import { isRejection, type Rejection } from "../rejections.ts";
import type { Db } from "../schema.ts";
import { touchRepository, type Repository } from "./repositories.ts";
import { lockForPush, openForPush, type Push } from "./repository-creation.ts";
import type { NewManifest, NewManifestReference, PlatformColumns } from "./schema.ts";
import { findImmutable, findImmutableOver } from "./immutable-tags.ts";
import { pointTag } from "./tags.ts";

interface PutManifest extends EventTimes, Push {
  readonly manifest: NewManifest;
  /** In document order. */
  readonly references: readonly NewManifestReference[];
  readonly tags: readonly Tag[];
  /**
   * In a mirror: when the upstream confirmed the tags. Written in the same transaction, so that another process sees
   * both or neither.
   */
  readonly tagsCheckedAtMs: number | undefined;
  /** In an import: the time of the tags. Their history and the audit rows have the time of the import. */
  readonly pushedAtMs?: number | undefined;
  /** References of the manifest may be absent. */
  readonly sparse: boolean;
}

/** Maximum number of missing references in a rejection; a manifest may have 10,000. */
const missingTold = 100;

type ManifestPut =
  | { readonly outcome: "stored" }
  | {
      readonly outcome: "missing";
      readonly missing: readonly { readonly digest: Digest; readonly kind: string }[];
    };

/**
 * Stores a manifest and its tags in one transaction. Returns the missing references if the repository does not have
 * all.
 */
export async function putManifest(tx: Db, put: PutManifest): Promise<ManifestPut | Rejection> {
  const { repository, manifest, tags, nowMs, pushedAtMs } = put;
  const { digest } = manifest;
  const home = await lockForPush(tx, put);
  const missing = await missingReferences(tx, home?.id, put);
  if (missing.length > 0) return { outcome: "missing", missing: missing.slice(0, missingTold) };
  const immutable = home && (await findImmutable(tx, home, tags, digest));
  if (immutable !== undefined) return immutable;

  const { existing, hasQuota } = await findExisting(tx, home, put);
  const item = { what: "manifest", sizeBytes: manifest.size_bytes } as const;
  const isNew = existing === undefined;
  const opened = await openForPush(tx, put, home, isNew ? { hasQuota, item } : undefined);
  if (isRejection(opened)) return opened;
  if (home !== undefined && isOfAnotherType(existing, manifest)) {
    const over = await findImmutableOver(tx, home, digest);
    if (over !== undefined) return over;
  }

  const { repositoryId } = opened;
  const manifestId = await writeManifest(tx, repositoryId, existing, put);
  for (const name of tags)
    await pointTag(tx, { repositoryId, name, manifestId, digest, pushedAtMs }, put);
  if (put.tagsCheckedAtMs !== undefined)
    for (const tag of tags)
      await checkMirrorTag(tx, { repository, tag, nowMs: put.tagsCheckedAtMs });
  if (tags.length === 0) {
    await addManifestCandidate(tx, manifestId, put.dueAtMs);
    await recordEvents(tx, put, { type: "push", repository, digest, manifestId });
  }
  await touchRepository(tx, repositoryId, nowMs);
  return { outcome: "stored" };
}

interface ExistingManifest {
  readonly id: number;
  readonly media_type: string;
  readonly pushed_at: number;
}

const readExisting = prepared(
  (
    db,
    {
      repositoryId,
      digest,
      namespace,
    }: Placeholders<{ repositoryId: number; digest: Digest; namespace: string }>,
  ) =>
    db
      .selectFrom(sql`(SELECT 1)`.as("one_row"))
      .leftJoin("manifests", (join) =>
        join.on("manifests.repository_id", "=", repositoryId).on("manifests.digest", "=", digest),
      )
      .leftJoin("quotas", (join) => join.on("quotas.namespace", "=", namespace))
      .select(["manifests.id as id", "media_type", "pushed_at", "quotas.namespace as quota"]),
);

/** Finds the manifest in its repository, and tells whether the namespace has a quota. */
async function findExisting(
  tx: Db,
  home: Repository | undefined,
  { repository, manifest }: PutManifest,
): Promise<{ readonly existing: ExistingManifest | undefined; readonly hasQuota: boolean }> {
  const { id, media_type, pushed_at, quota } = await readExisting.executeTakeFirstOrThrow(tx, {
    repositoryId: home?.id ?? noRepositoryId,
    digest: manifest.digest,
    namespace: namespaceOf(repository),
  });
  const existing =
    id === null || media_type === null || pushed_at === null
      ? undefined
      : { id, media_type, pushed_at };
  return { existing, hasQuota: quota !== null };
}

/** The same bytes with another media type: their references are parsed in another way. */
const isOfAnotherType = (existing: ExistingManifest | undefined, manifest: NewManifest): boolean =>
  existing !== undefined && existing.media_type !== manifest.media_type;

const platformOf = (row: Placeholders<PlatformColumns>) => ({
  os: row.os,
  architecture: row.architecture,
  variant: row.variant,
  os_version: row.os_version,
  os_features: row.os_features,
});

const insertManifest = prepared((db, row: Placeholders<NewManifest & { repository_id: number }>) =>
  db
    .insertInto("manifests")
    .values({
      repository_id: row.repository_id,
      digest: row.digest,
      media_type: row.media_type,
      kind: row.kind,
      size_bytes: row.size_bytes,
      artifact_type: row.artifact_type,
      config_media_type: row.config_media_type,
      subject_digest: row.subject_digest,
      annotations: row.annotations,
      pushed_at: row.pushed_at,
      leased_until: row.leased_until,
      content: row.content,
      ...platformOf(row),
    })
    .returning("id"),
);

/** Inserts or updates the manifest's row and its references. Returns its id. */
async function writeManifest(
  tx: Db,
  repositoryId: number,
  existing: ExistingManifest | undefined,
  { manifest, references }: PutManifest,
): Promise<number> {
  if (existing === undefined) {
    const row = { ...manifest, repository_id: repositoryId };
    const { id } = await insertManifest.executeTakeFirstOrThrow(tx, row);
    await insertReferences(tx, id, references);
    return id;
  }
  const { id } = existing;
  // An import may bring an earlier push of the same bytes.
  const pushed_at = Math.max(existing.pushed_at, manifest.pushed_at);
  await tx
    .updateTable("manifests")
    .set({ ...manifest, pushed_at })
    .where("id", "=", id)
    .execute();
  if (isOfAnotherType(existing, manifest)) {
    await tx.deleteFrom("manifest_references").where("manifest_id", "=", id).execute();
    await tx.deleteFrom("image_sizes").where("manifest_id", "=", id).execute();
    await insertReferences(tx, id, references);
  }
  return id;
}

/** An id that no repository has. */
const noRepositoryId = 0;

const insertReferenceRows = preparedForRows(
  (db, rows: PlaceholderRows<NewManifestReference & { manifest_id: number }>) =>
    db.insertInto("manifest_references").values(
      rows.map((row) => ({
        manifest_id: row.manifest_id,
        position: row.position,
        kind: row.kind,
        digest: row.digest,
        media_type: row.media_type,
        size_bytes: row.size_bytes,
        required: row.required,
        artifact_type: row.artifact_type,
        urls: row.urls,
        annotations: row.annotations,
        ...platformOf(row),
      })),
    ),
);

const insertImageSize = prepared(
  (db, { manifestId, bytes }: Placeholders<{ manifestId: number; bytes: number }>) =>
    db.insertInto("image_sizes").values({ manifest_id: manifestId, size_bytes: bytes }),
);

/** Inserts the references of a manifest, and for an image the sum of their sizes. */
async function insertReferences(
  tx: Db,
  manifestId: number,
  references: readonly NewManifestReference[],
): Promise<void> {
  for (const rows of slicesOf(references))
    await insertReferenceRows.execute(
      tx,
      rows.map((row) => ({ ...row, manifest_id: manifestId })),
    );
  const parts = references.filter(({ kind }) => kind !== "child");
  if (parts.length === 0) return;
  const sum = parts.reduce((bytes, part) => bytes + part.size_bytes, 0);
  const bytes = Math.min(sum, Number.MAX_SAFE_INTEGER);
  await insertImageSize.execute(tx, { manifestId, bytes });
}

interface Wanted {
  readonly repositoryId: number;
  readonly digest: Digest;
}

/** The digests that the repository has as blobs. All rows have the same repository. */
const readBlobs = preparedForRows((db, rows: PlaceholderRows<Wanted>) =>
  db
    .selectFrom("blobs")
    .innerJoin("blob_links", "blob_links.blob_id", "blobs.id")
    .select("blobs.digest as digest")
    .where("blob_links.repository_id", "=", rows[0].repositoryId)
    .where(notDeleting)
    .where(isLive)
    .where(
      "blobs.digest",
      "in",
      rows.map(({ digest }) => digest),
    ),
);

/** The required references of a manifest that its repository does not have, in document order. */
async function missingReferences(
  tx: Db,
  repositoryId: number | undefined,
  put: PutManifest,
): Promise<readonly { digest: Digest; kind: string }[]> {
  if (put.sparse) return [];
  const required = put.references.filter((row) => row.required === 1);
  if (repositoryId === undefined) return required.map(({ digest, kind }) => ({ digest, kind }));

  const presentBlobs = new Set<Digest>();
  const presentManifests = new Set<Digest>();
  for (const rows of slicesOf(required)) {
    const digests = rows.map((row) => row.digest);
    const blobs = await readBlobs.execute(
      tx,
      digests.map((digest) => ({ repositoryId, digest })),
    );
    for (const row of blobs) presentBlobs.add(row.digest);
    if (put.manifest.kind !== "index") continue;
    const manifests = await tx
      .selectFrom("manifests")
      .select("digest")
      .where("repository_id", "=", repositoryId)
      .where("digest", "in", digests)
      .execute();
    for (const row of manifests) presentManifests.add(row.digest);
  }
  // A child may also be a blob: BuildKit stores its cache as an index of layers.
  const isPresent = ({ kind, digest }: NewManifestReference): boolean =>
    presentBlobs.has(digest) || (kind === "child" && presentManifests.has(digest));
  return required.filter((row) => !isPresent(row)).map(({ digest, kind }) => ({ digest, kind }));
}
