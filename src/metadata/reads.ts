import { createBlobReads } from "./blobs.ts";
import { createCollectionReads } from "./collection.ts";
import { createInstanceReads } from "./instance.ts";
import { createManifestReads } from "./manifests.ts";
import { createRepositoryReads } from "./repositories.ts";
import { openReadConnection, queriesOn } from "./sqlite/connection.ts";
import type { Database } from "./schema.ts";
import { createTagReads } from "./tags.ts";
import { createUpkeepReads } from "./upkeep.ts";
import { createUploadReads } from "./uploads.ts";

export type Reads = ReturnType<typeof createReads>;

/** Everything that can be read from the database in `file`, on a connection of its own. */
export const openReads = (file: string) => createReads(queriesOn(openReadConnection(file)));

/** The same on a connection that is open already. */
export function createReads(db: Database) {
  return {
    repositories: createRepositoryReads(db),
    blobs: createBlobReads(db),
    collection: createCollectionReads(db),
    manifests: createManifestReads(db),
    tags: createTagReads(db),
    uploads: createUploadReads(db),
    instance: createInstanceReads(db),
    upkeep: createUpkeepReads(db),
    probe: async (): Promise<void> => {
      await db.selectFrom("repositories").select("id").limit(1).execute();
    },
    close: () => db.destroy(),
  };
}
