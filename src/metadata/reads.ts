import { createBlobReads } from "./blobs.ts";
import { createManifestReads } from "./manifests.ts";
import { createRepositoryReads } from "./repositories.ts";
import { openReadConnection, queriesOn } from "./sqlite/connection.ts";
import { createTagReads } from "./tags.ts";
import { createUploadReads } from "./uploads.ts";

export type Reads = ReturnType<typeof openReads>;

/** Everything that can be read from the database in `file`, on a connection of its own. */
export function openReads(file: string) {
  const db = queriesOn(openReadConnection(file));
  return {
    repositories: createRepositoryReads(db),
    blobs: createBlobReads(db),
    manifests: createManifestReads(db),
    tags: createTagReads(db),
    uploads: createUploadReads(db),
    probe: async (): Promise<void> => {
      await db.selectFrom("repositories").select("id").limit(1).execute();
    },
    close: () => db.destroy(),
  };
}
