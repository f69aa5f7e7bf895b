import type { Trial } from "./race.ts";

/* What must be true of the rows of a trial. Each function returns what is wrong; `undefined`: nothing. */

/** Links of blobs that are marked deleting, and manifests whose layers are not linked. */
export async function findLoss({ rows, name }: Trial): Promise<string | undefined> {
  const links = await rows<{ readonly name: string }>(`
    SELECT repositories.name AS name FROM blob_links
    JOIN blobs ON blobs.id = blob_links.blob_id JOIN repositories ON repositories.id = blob_links.repository_id
    WHERE blobs.state = 'deleting' AND repositories.namespace = '${name}'`);
  if (links.length > 0) return "a repository links a blob that is marked deleting";
  const absent = await rows<object>(`
    SELECT manifest_references.digest AS digest FROM manifest_references
    JOIN manifests ON manifests.id = manifest_references.manifest_id
    JOIN repositories ON repositories.id = manifests.repository_id
    WHERE repositories.namespace = '${name}' AND NOT EXISTS (
      SELECT 1 FROM blobs JOIN blob_links ON blob_links.blob_id = blobs.id
      WHERE blobs.digest = manifest_references.digest AND blobs.state = 'live'
        AND blob_links.repository_id = repositories.id)`);
  return absent.length > 0
    ? "a manifest names a blob that its repository does not link"
    : undefined;
}

/** Blobs of the trial that no repository links, and that no collector will find. */
export async function findLeak({ rows, name }: Trial): Promise<string | undefined> {
  const leaked = await rows<object>(`
    SELECT id FROM blobs WHERE storage_key LIKE '% ${name}' AND state <> 'deleting'
      AND NOT EXISTS (SELECT 1 FROM blob_links WHERE blob_links.blob_id = blobs.id)`);
  return leaked.length > 0 ? "a blob without a link is not marked deleting" : undefined;
}

/** A sum in the quota's row that is not the sum of what is stored, or that is above the limit. */
export async function findWrongSum({ database, name }: Trial): Promise<string | undefined> {
  const quota = (await database.quotas.list()).find(({ namespace }) => namespace === name);
  if (quota === undefined || quota.keptBytes === null) return "there is no quota";
  if (quota.keptBytes !== quota.usedBytes)
    return `the row says ${quota.keptBytes}, stored are ${quota.usedBytes}`;
  return quota.usedBytes > (quota.limitBytes ?? Infinity)
    ? `${quota.usedBytes} of ${quota.limitBytes} bytes`
    : undefined;
}
