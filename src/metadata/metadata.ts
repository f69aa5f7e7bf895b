import { createBlobReads } from "./blobs.ts";
import type { Writer } from "./commands.ts";
import { createManifestReads } from "./manifests.ts";
import { createRepositoryReads } from "./repositories.ts";
import type { Database } from "./schema.ts";
import { openReadConnection, queriesOn } from "./sqlite/connection.ts";
import { startWriter } from "./sqlite/writer.ts";
import { createTagReads } from "./tags.ts";
import { createUploadReads } from "./uploads.ts";

/** What we know about bytes: reads that never wait for a writer, and commands that are durable when they resolve. */
export interface Metadata {
  readonly repositories: ReturnType<typeof createRepositoryReads>;
  readonly blobs: ReturnType<typeof createBlobReads>;
  readonly manifests: ReturnType<typeof createManifestReads>;
  readonly tags: ReturnType<typeof createTagReads>;
  readonly uploads: ReturnType<typeof createUploadReads>;
  readonly run: Writer["run"];
  /** Rejects, saying what is wrong, unless the database answers and takes writes. */
  probe(): Promise<void>;
  close(): Promise<void>;
}

/** Opens (and if need be makes, or brings up to date) the SQLite database in `file`. */
export async function openSqliteMetadata(file: string): Promise<Metadata> {
  const writer = await startWriter(file);
  const db = queriesOn(openReadConnection(file));
  return {
    ...createReads(db),
    run: (name, input) => writer.run(name, input),
    probe: async () => {
      await db.selectFrom("repositories").select("id").limit(1).execute();
      await writer.probe();
    },
    close: async () => {
      await db.destroy();
      await writer.close();
    },
  };
}

function createReads(db: Database) {
  return {
    repositories: createRepositoryReads(db),
    blobs: createBlobReads(db),
    manifests: createManifestReads(db),
    tags: createTagReads(db),
    uploads: createUploadReads(db),
  };
}
