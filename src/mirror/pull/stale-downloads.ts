import type { BlobStore } from "../../../storage/blob-store.ts";
import type { Database } from "../../database/database.ts";

/** What a fetch has brought before its process died is kept so long for whoever asks for the blob again. */
const keptForMs = 60 * 60 * 1000;

/** Throws away what fetches have left that nobody has gone on with. */
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
