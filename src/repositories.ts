import { createCollaborators, type Collaborators } from "./auth/collaborators.ts";
import type { Config } from "./config/schema.ts";
import { openDataFolder } from "./data-folder.ts";
import type { Actor } from "./metadata/audit.ts";
import { keepingMirrors } from "./registry/mirrored-names.ts";
import { createQuotas, type Quotas } from "./registry/quotas.ts";
import { pushRules } from "./push-rules.ts";
import { createRepositories, type Repositories } from "./registry/repositories.ts";

/** What the commands for repositories and quotas do to a data folder, also while a server runs on it. */
export interface RepositoryFolder {
  readonly repositories: Repositories;
  readonly quotas: Quotas;
  readonly collaborators: Collaborators;
  /** Who the audit log says did it. */
  readonly actor: Actor;
  close(): Promise<void>;
}

/** Throws NoRegistryError, and where database and store do not belong together. */
export async function openRepositories(config: Config): Promise<RepositoryFolder> {
  const { store, metadata, close } = await openDataFolder(config);
  const clock = Date.now;
  const repositories = createRepositories({
    ...{ metadata, clock },
    uploads: {
      // Those are a server's own.
      forgetYoung: () => undefined,
      // A server that is still writing to it finds out by itself.
      abandon: ({ storageReference }) => store.abort(storageReference),
    },
  });
  const mirrors = new Set(config.mirrors.map(({ namespace }) => namespace));
  return {
    repositories: keepingMirrors(repositories, mirrors),
    collaborators: createCollaborators({ metadata, clock }),
    quotas: createQuotas({ metadata, clock, rules: pushRules(config) }),
    actor: { accountId: null, name: "berth", peer: "" },
    close,
  };
}
