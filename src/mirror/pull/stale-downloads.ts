import type { BlobStore } from "../../../storage/blob-store.ts";
import type { Metadata } from "../../database/database.ts";

/** What a fetch has brought before its process died is kept so long for whoever asks for the blob again. */
const keptForMs = 60 * 60 * 1000;

/** Throws away what fetches have left that nobody has gone on with. */
export async function clearLeftovers(parts: {
  readonly store: Pick<BlobStore, "abort">;
  readonly metadata: Pick<Metadata, "mirrorFetches" | "run">;
  readonly clock: () => number;
}): Promise<void> {
  const { store, metadata, clock } = parts;
  for (const fetch of await metadata.mirrorFetches.idleSince(clock() - keptForMs)) {
    const { repository, reference, owner, storageReference } = fetch;
    const isOver = await metadata.run("endMirrorFetch", { repository, reference, owner });
    if (isOver && storageReference !== "") await store.abort(storageReference);
  }
}
