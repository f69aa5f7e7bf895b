import { sql } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { dialectOf } from "../dialect.ts";
import { lockRows } from "../locks.ts";
import { isLive, isMissing, sumOfSizes } from "../query-parts.ts";
import type { Db } from "../schema.ts";
import { createBackupReads } from "./backups.ts";

/** A blob row, with the columns that the scrubber and the checks need. */
export interface StoredBlob {
  readonly id: number;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly storageKey: string;
}

interface ManifestToCheck {
  readonly id: number;
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly content: Uint8Array;
}

interface AbsentReference {
  readonly digest: Digest;
  readonly kind: string;
}

/** Rows in the order of their ids, after the id `after`. */
interface PageOfIds {
  readonly after: number;
  readonly limit: number;
}

const blobColumns = [
  "id",
  "digest",
  "size_bytes as sizeBytes",
  "storage_key as storageKey",
] as const;

export function createMaintenanceReads(db: Db) {
  return {
    ...createBlobCheckReads(db),
    ...createManifestCheckReads(db),
    ...createBackupReads(db),
  };
}

function createBlobCheckReads(db: Db) {
  const pageOfBlobs = ({ after, limit }: PageOfIds) =>
    db.selectFrom("blobs").select(blobColumns).where("id", ">", after).orderBy("id").limit(limit);
  return {
    /** Live blobs. */
    blobs: (page: PageOfIds): Promise<readonly StoredBlob[]> =>
      pageOfBlobs(page).where(isLive).execute(),

    /** Live blobs with rows created since `sinceMs`. */
    blobsSince: (sinceMs: number, page: PageOfIds): Promise<readonly StoredBlob[]> =>
      pageOfBlobs(page).where(isLive).where("created_at", ">=", sinceMs).execute(),

    /** Blobs whose bytes are absent or wrong. */
    missing: (page: PageOfIds): Promise<readonly StoredBlob[]> =>
      pageOfBlobs(page).where(isMissing).execute(),

    /** Live blobs last scrubbed before `beforeMs`, the oldest scrub first. */
    leastRecentlyScrubbed: (limit: number, beforeMs: number): Promise<readonly StoredBlob[]> =>
      db
        .selectFrom("blobs")
        .select(blobColumns)
        .where(isLive)
        .where("scrubbed_at", "<", beforeMs)
        .orderBy("scrubbed_at")
        .limit(limit)
        .execute(),

    /** The subset of `keys` that a blob row names, in any state. */
    async knownKeys(keys: readonly string[]): Promise<ReadonlySet<string>> {
      const rows = await db
        .selectFrom("blobs")
        .select("storage_key")
        .where(dialectOf(db).isOneOf("storage_key", keys))
        .execute();
      return new Set(rows.map((row) => row.storage_key));
    },

    /** The sums of the blobs with the next `limit` ids after `after`, in any state, and the last of these ids. */
    async sums({ after, limit }: { readonly after: number; readonly limit: number }): Promise<{
      readonly blobs: number;
      readonly bytes: number;
      /** `null`: there are no more. */
      readonly last: number | null;
    }> {
      const page = db
        .selectFrom("blobs")
        .select(["id", "size_bytes"])
        .where("id", ">", after)
        .orderBy("id")
        .limit(limit)
        .as("page");
      return db
        .selectFrom(page)
        .select(({ fn }) => [
          fn.countAll<number>().as("blobs"),
          sumOfSizes.as("bytes"),
          fn.max<number | null>("id").as("last"),
        ])
        .executeTakeFirstOrThrow();
    },

    /** All blobs, in any state. */
    async counts(): Promise<{
      readonly blobs: number;
      readonly bytes: number;
      readonly missing: number;
    }> {
      const row = await db
        .selectFrom("blobs")
        .select(({ fn }) => [
          fn.countAll<number>().as("blobs"),
          sumOfSizes.as("bytes"),
          sql<number>`count(*) FILTER (WHERE state = 'missing')`.as("missing"),
        ])
        .executeTakeFirstOrThrow();
      return row;
    },
  };
}

function createManifestCheckReads(db: Db) {
  return {
    /** Manifests in the order of their ids, after `after`. */
    manifests: (page: PageOfIds): Promise<readonly ManifestToCheck[]> =>
      db
        .selectFrom("manifests")
        .innerJoin("repositories", "repositories.id", "manifests.repository_id")
        .select([
          "manifests.id as id",
          "manifests.digest as digest",
          "manifests.content as content",
          "repositories.name as repository",
        ])
        .where("manifests.id", ">", page.after)
        .orderBy("manifests.id")
        .limit(page.limit)
        .execute(),

    /** Required references of a manifest that its repository does not have. */
    absentReferences: (manifestId: number): Promise<readonly AbsentReference[]> =>
      db
        .selectFrom("manifest_references")
        .innerJoin("manifests as owner", "owner.id", "manifest_references.manifest_id")
        .select(["manifest_references.digest as digest", "manifest_references.kind as kind"])
        .where("manifest_references.manifest_id", "=", manifestId)
        .where("manifest_references.required", "=", 1)
        .where((query) =>
          query.not(
            query.exists(
              query
                .selectFrom("blob_links")
                .innerJoin("blobs", "blobs.id", "blob_links.blob_id")
                .select("blobs.id")
                .whereRef("blob_links.repository_id", "=", "owner.repository_id")
                .whereRef("blobs.digest", "=", "manifest_references.digest")
                .where(isLive),
            ),
          ),
        )
        .where((query) =>
          query.not(
            query.exists(
              query
                .selectFrom("manifests as child")
                .select("child.id")
                .whereRef("child.repository_id", "=", "owner.repository_id")
                .whereRef("child.digest", "=", "manifest_references.digest"),
            ),
          ),
        )
        .execute(),
  };
}

/**
 * Marks a blob with absent or wrong bytes as missing; the next push of its digest repairs it. False if it was not live.
 */
export async function quarantineBlob(
  tx: Db,
  { storageKey }: { readonly storageKey: string },
): Promise<boolean> {
  const lost = await tx
    .updateTable("blobs")
    .set({ state: "missing" })
    .where("storage_key", "=", storageKey)
    .where(isLive)
    .executeTakeFirst();
  return lost.numUpdatedRows > 0n;
}

/** Makes a missing blob live again after its bytes have been verified. False if it was not missing. */
export async function restoreBlob(
  tx: Db,
  { storageKey }: { readonly storageKey: string },
): Promise<boolean> {
  const restored = await tx
    .updateTable("blobs")
    .set({ state: "live" })
    .where("storage_key", "=", storageKey)
    .where(isMissing)
    .executeTakeFirst();
  return restored.numUpdatedRows > 0n;
}

/** Records that the bytes of these blobs have been verified. */
export async function recordScrub(
  tx: Db,
  { ids, nowMs }: { readonly ids: readonly number[]; readonly nowMs: number },
): Promise<void> {
  const verified = tx
    .selectFrom("blobs")
    .select("id")
    .where(dialectOf(tx).isOneOf("id", ids))
    .orderBy("id");
  await lockRows(tx, verified, { mode: "change", table: "blobs" });
  await tx
    .updateTable("blobs")
    .set({ scrubbed_at: nowMs })
    .where(dialectOf(tx).isOneOf("id", ids))
    .execute();
}
