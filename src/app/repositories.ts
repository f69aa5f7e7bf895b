import { createCollaborators, type Collaborators } from "../accounts/collaborators.ts";
import type { Config } from "../config/schema.ts";
import { openDataFolder, type DataFolder } from "./data-folder.ts";
import type { Actor } from "../database/events/audit.ts";
import { createQuotas, type Quotas } from "../registry/quotas.ts";
import { pushRules } from "./push-rules.ts";
import { systemActor } from "../database/permissions/authority.ts";
import {
  createRepositories,
  denyChangesToMirrored,
  type Repositories,
} from "../registry/repositories.ts";

/** The operations of the commands for repositories and quotas on a data folder, also while a server runs on it. */
export interface RepositoryFolder {
  readonly repositories: Repositories;
  readonly quotas: Quotas;
  readonly collaborators: Collaborators;
  readonly uploads: OpenUploads;
  /** The actor of the rows in the audit log. */
  readonly actor: Actor;
  close(): Promise<void>;
}

/** Throws NoRegistryError, and MismatchError if database and store have different ids. */
export async function openRepositories(config: Config): Promise<RepositoryFolder> {
  const { store, database, close } = await openDataFolder(config);
  const clock = Date.now;
  const repositories = createRepositories({
    ...{ database, clock },
    uploads: {
      // Only a server has sessions without a row.
      forgetUnpersisted: () => undefined,
      // A server that is writing to the upload gets an error from the store.
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

/** Open uploads. */
export interface OpenUploads {
  /** The longest idle upload first, each with its bytes in the store. */
  list(): AsyncIterable<{
    readonly id: string;
    readonly repository: string;
    readonly bytes: number;
    readonly touchedAtMs: number;
  }>;
  /** Ends an upload and deletes its bytes; its client gets BLOB_UPLOAD_UNKNOWN. False: the upload does not exist. */
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
      // The bytes first: on a full disk the change of the row needs their space.
      await store.abort(row.storage_reference);
      await database.run("endUpload", { id });
      return true;
    },
  };
}
