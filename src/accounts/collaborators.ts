import type { Actor } from "../database/permissions/authority.ts";
import type { Collaborator } from "../database/accounts/collaborators.ts";
import type { Database } from "../database/contract.ts";
import type { RepositoryRole } from "../database/accounts/schema.ts";
import type { RepositoryName } from "../oci/name.ts";
import { noRepository, unknownAccount } from "./errors.ts";

export type Collaborators = ReturnType<typeof createCollaborators>;

/** Roles of users on one repository, besides those from organisations and teams. */
export function createCollaborators(parts: {
  readonly database: Pick<Database, "repositories" | "collaborators" | "commands">;
  readonly clock: () => number;
}) {
  const { database, clock } = parts;

  return {
    /** In the order of their names. Throws AccountError if there is no such repository. */
    async list(repository: RepositoryName): Promise<readonly Collaborator[]> {
      const found = await database.repositories.find(repository);
      if (found === undefined) throw noRepository(repository);
      return database.collaborators.list(found.id);
    },

    /** `undefined` removes the role. Throws AccountError if there is no such repository or user. */
    async set(
      actor: Actor,
      repository: RepositoryName,
      user: string,
      permission: RepositoryRole | undefined,
    ): Promise<void> {
      const set = { actor, repository, user, permission, nowMs: clock() };
      const outcome = await database.commands.setCollaborator(set);
      if (outcome === "unknown-repository") throw noRepository(repository);
      if (outcome === "unknown-user") throw unknownAccount("user", user);
    },
  };
}
