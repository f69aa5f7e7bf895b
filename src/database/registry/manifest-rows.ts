import { prepared, preparedForRows, type PlaceholderRows, type Placeholders } from "../prepared.ts";
import type { Db } from "../schema.ts";
import type { NewManifest, NewManifestReference, PlatformColumns } from "./schema.ts";

/* The rows of a manifest: its own, its references, and for an image the sum of their sizes. */

interface ManifestRows {
  readonly manifest: NewManifest;
  /** In document order. */
  readonly references: readonly NewManifestReference[];
}

export interface ExistingManifest {
  readonly id: number;
  readonly media_type: string;
  readonly pushed_at: number;
}

/** The same bytes with another media type: their references are parsed in another way. */
export const isOfAnotherType = (
  existing: ExistingManifest | undefined,
  manifest: NewManifest,
): boolean => existing !== undefined && existing.media_type !== manifest.media_type;

/** Inserts or updates the manifest's row and its references. Returns its id. */
export async function writeManifest(
  tx: Db,
  repositoryId: number,
  existing: ExistingManifest | undefined,
  { manifest, references }: ManifestRows,
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
  const rows = references.map((row) => ({ ...row, manifest_id: manifestId }));
  await insertReferenceRows.execute(tx, rows);
  const parts = references.filter(({ kind }) => kind !== "child");
  if (parts.length === 0) return;
  const sum = parts.reduce((bytes, part) => bytes + part.size_bytes, 0);
  const bytes = Math.min(sum, Number.MAX_SAFE_INTEGER);
  await insertImageSize.execute(tx, { manifestId, bytes });
}
