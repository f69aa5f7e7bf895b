import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { tablesOf } from "../support/database.ts";

export interface Stored {
  readonly blobRows: number;
  /** Files in `blobs/` without a row: a crash may leave them, and the collector deletes them. */
  readonly orphanBlobs: number;
  /** Files in `uploads/` without a row: none after a start. */
  readonly orphanUploads: number;
  /** Inconsistencies that must not exist even after a crash; empty if there are none. */
  readonly problems: readonly string[];
}

/** Compares the rows of the database with the files in the data folder. No process may write to them meanwhile. */
export async function compareStored(data: string): Promise<Stored> {
  const tables = await tablesOf(data);
  const blobs = await tables.rows<{ storage_key: string; size_bytes: number }>(
    "SELECT storage_key, size_bytes FROM blobs WHERE state = 'live'",
  );
  const uploads = await tables.rows<{ storage_reference: string }>(
    "SELECT storage_reference FROM uploads",
  );
  const dangling = await tables.rows<{ name: string; digest: string }>(
    `SELECT repositories.name, manifest_references.digest FROM manifest_references
       JOIN manifests ON manifests.id = manifest_references.manifest_id
       JOIN repositories ON repositories.id = manifests.repository_id
       WHERE manifest_references.required = 1 AND manifest_references.kind <> 'child' AND NOT EXISTS (
         SELECT 1 FROM blob_links JOIN blobs ON blobs.id = blob_links.blob_id
         WHERE blob_links.repository_id = manifests.repository_id AND blobs.state = 'live'
           AND blobs.digest = manifest_references.digest)`,
  );
  const damage = await tables.damage();

  const blobFiles = filesBelow(data, "blobs");
  const uploadFiles = filesBelow(data, "uploads");
  const keys = new Set(blobs.map((blob) => blob.storage_key));
  const references = new Set(uploads.map((row) => `uploads/${row.storage_reference}`));
  return {
    blobRows: blobs.length,
    orphanBlobs: [...blobFiles.keys()].filter((file) => isBlob.test(file) && !keys.has(file))
      .length,
    orphanUploads: [...uploadFiles.keys()].filter((file) => !references.has(file)).length,
    problems: [
      ...damage.map((found) => JSON.stringify(found)),
      ...dangling.map(({ name, digest }) => `${name}: a manifest names ${digest}, not here`),
      ...blobs
        .filter((blob) => blobFiles.get(blob.storage_key) !== blob.size_bytes)
        .map(
          ({ storage_key: key, size_bytes: size }) =>
            `${key}: ${size} bytes by its row, ${blobFiles.get(key) ?? "no"} in its file`,
        ),
    ],
  };
}

/** Matches the key of a blob. The folder also has a file with the id of the instance. */
const isBlob = /\.[0-9A-Z]{26}$/;

/** Size of every file below a folder of the data, by its path in the data. */
function filesBelow(data: string, folder: string): ReadonlyMap<string, number> {
  const names = readdirSync(path.join(data, folder), { recursive: true, encoding: "utf8" });
  return new Map(
    names.flatMap((name) => {
      const file = path.posix.join(folder, name);
      // A collector may delete the file after the listing.
      const found = statSync(path.join(data, file), { throwIfNoEntry: false });
      return found?.isFile() === true ? [[file, found.size] as const] : [];
    }),
  );
}
