import { createCollaborators, type Collaborators } from "../accounts/collaborators.ts";
import type { Config } from "../config/schema.ts";
import { openDataFolder, type DataFolder } from "./data-folder.ts";
import type { Actor } from "../database/events/audit.ts";
import { denyChangesToMirrored } from "../registry/mirror-guard.ts";
import { createQuotas, type Quotas } from "../registry/quotas.ts";
import { pushRules } from "./push-rules.ts";
import { systemActor } from "../database/permissions/authority.ts";
import { createRepositories, type Repositories } from "../registry/repositories.ts";

/** What the commands for repositories and quotas do to a data folder, also while a server runs on it. */
export interface RepositoryFolder {
  readonly repositories: Repositories;
  readonly quotas: Quotas;
  readonly collaborators: Collaborators;
  readonly uploads: OpenUploads;
  /** Who the audit log says did it. */
  readonly actor: Actor;
  close(): Promise<void>;
}

/** Throws NoRegistryError, and where database and store do not belong together. */
export async function openRepositories(config: Config): Promise<RepositoryFolder> {
  const { store, database, close } = await openDataFolder(config);
  const clock = Date.now;
  const repositories = createRepositories({
    ...{ database, clock },
    uploads: {
      // Those are a server's own.
      forgetUnpersisted: () => undefined,
      // A server that is still writing to it finds out by itself.
      abandon: ({ storageReference }) => store.abort(storageReference),
    },
  });
  const mirrors = new Set(config.mirrors.map(({ namespace }) => namespace));
  return {
    repositories: denyChangesToMirrored(repositories, mirrors),
    collaborators: createCollaborators({ database, clock }),
    quotas: createQuotas({ database, clock, rules: pushRules(config) }),
    uploads: openUploads({ store, database }),
    actor: systemActor("berth"),
    close,
  };
}

/** Uploads whose clients have not sent the end. */
export interface OpenUploads {
  /** The one that rests longest first, with the bytes that the store holds of it. */
  list(): AsyncIterable<{
    readonly id: string;
    readonly repository: string;
    readonly bytes: number;
    readonly touchedAtMs: number;
  }>;
  /** Ends an upload and deletes its bytes; its client is told that it is unknown. False if there is none. */
  delete(id: string): Promise<boolean>;
}

const listedAtOnce = 1_000_000;

function openUploads({ store, database }: Pick<DataFolder, "store" | "database">): OpenUploads {
  return {
    async *list() {
      for (const row of await database.uploads.idleSince(Infinity, listedAtOnce)) {
        const { id, repository, storage_reference, touched_at: touchedAtMs } = row;
        yield { id, repository, bytes: await store.uploadSize(storage_reference), touchedAtMs };
      }
    },
    async delete(id) {
      const row = await database.uploads.find(id);
      if (row === undefined) return false;
      // The bytes first: on a full disk the row needs the room.
      await store.abort(row.storage_reference);
      await database.run("endUpload", { id });
      return true;
    },
  };
}
