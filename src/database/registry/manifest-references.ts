import type { Digest } from "../../oci/digest.ts";
import { notDeleting } from "./not-deleting.ts";
import type { Db, NewManifest, NewManifestReference } from "../schema.ts";

/** SQLite allows 32,766 parameters per statement; a manifest of 4 MiB can have about as many references. */
const rowsAtOnce = 500;

function* slices<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += rowsAtOnce)
    yield items.slice(start, start + rowsAtOnce);
}

/** Inserts the references of a manifest, and for an image the sum of their sizes. */
export async function insertReferences(
  tx: Db,
  manifestId: number,
  references: readonly NewManifestReference[],
): Promise<void> {
  for (const rows of slices(references)) {
    await tx
      .insertInto("manifest_references")
      .values(rows.map((row) => ({ ...row, manifest_id: manifestId })))
      .execute();
  }
  const parts = references.filter(({ kind }) => kind !== "child");
  if (parts.length === 0) return;
  const bytes = parts.reduce((sum, part) => sum + part.size_bytes, 0);
  await tx
    .insertInto("image_sizes")
    .values({ manifest_id: manifestId, size_bytes: Math.min(bytes, Number.MAX_SAFE_INTEGER) })
    .execute();
}

/** The required references of a manifest that its repository does not have, in document order. */
export async function missingReferences(
  tx: Db,
  repositoryId: number | undefined,
  put: {
    readonly manifest: Pick<NewManifest, "kind">;
    readonly references: readonly NewManifestReference[];
    /** References of the manifest may be absent. */
    readonly sparse: boolean;
  },
): Promise<readonly { digest: Digest; kind: string }[]> {
  if (put.sparse) return [];
  const required = put.references.filter((row) => row.required === 1);
  if (repositoryId === undefined) return required.map(({ digest, kind }) => ({ digest, kind }));

  const presentBlobs = new Set<Digest>();
  const presentManifests = new Set<Digest>();
  for (const rows of slices(required)) {
    const digests = rows.map((row) => row.digest);
    const blobs = await tx
      .selectFrom("blobs")
      .innerJoin("blob_links", "blob_links.blob_id", "blobs.id")
      .select("blobs.digest as digest")
      .where("blob_links.repository_id", "=", repositoryId)
      .where(notDeleting)
      .where("blobs.state", "=", "live")
      .where("blobs.digest", "in", digests)
      .execute();
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
