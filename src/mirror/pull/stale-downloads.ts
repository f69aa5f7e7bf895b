import type { BlobStore } from "../../../storage/blob-store.ts";
import type { Database } from "../../database/database.ts";

/** The bytes of a dead process's download stay for 1 hour, so that another request can continue it. */
const keptForMs = 60 * 60 * 1000;

/** Deletes the rows and uploads of downloads without a heartbeat for 1 hour. */
export async function deleteStaleDownloads(parts: {
  readonly store: Pick<BlobStore, "abort">;
  readonly database: Pick<Database, "mirrorFetches" | "run">;
  readonly clock: () => number;
}): Promise<void> {
  const { store, database, clock } = parts;
  for (const fetch of await database.mirrorFetches.idleSince(clock() - keptForMs)) {
    const { repository, reference, owner: processId, storageReference } = fetch;
    const isOver = await database.run("endMirrorFetch", {
      repository,
      reference,
      owner: processId,
    });
    if (isOver && storageReference !== "") await store.abort(storageReference);
  }
}
