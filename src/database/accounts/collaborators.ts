import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import { writeAudit, type AuditContext } from "../events/audit.ts";
import { lockRepository } from "../registry/repositories.ts";
import type { Db } from "../schema.ts";
import { findAccount } from "./accounts.ts";
import type { RepositoryRole } from "./schema.ts";

export interface Collaborator {
  readonly name: string;
  readonly permission: RepositoryRole;
}

export function createCollaboratorReads(db: Db) {
  return {
    /** Collaborators of a repository, in the order of their names. */
    list: (repositoryId: number): Promise<readonly Collaborator[]> =>
      db
        .selectFrom("collaborators")
        .innerJoin("accounts", "accounts.id", "collaborators.user_id")
        .select(["accounts.name as name", "collaborators.permission as permission"])
        .where("collaborators.repository_id", "=", repositoryId)
        .orderBy("accounts.name")
        .execute(),
  };
}

interface SetCollaborator extends AuditContext {
  readonly repository: RepositoryName;
  readonly user: string;
  /** `undefined` removes the permission. */
  readonly permission?: RepositoryRole | undefined;
}

/** Sets the permission of a user on one repository, besides those from organisations and teams. */
export async function setCollaborator(
  tx: Db,
  { actor, nowMs, repository, user, permission }: SetCollaborator,
): Promise<"set" | "unknown-repository" | "unknown-user"> {
  const home = await lockRepository(tx, repository, "share");
  if (home === undefined) return "unknown-repository";
  const account = await findAccount(tx, user);
  if (account?.kind !== "user") return "unknown-user";
  if (permission === undefined) {
    await tx
      .deleteFrom("collaborators")
      .where("repository_id", "=", home.id)
      .where("user_id", "=", account.id)
      .execute();
  } else await addCollaborator(tx, home.id, account.id, permission);
  await writeAudit(tx, {
    nowMs,
    actor,
    account: namespaceOf(repository),
    action: "repo.collaborator",
    subject: repository,
    data: { user, permission: permission ?? "none" },
  });
  return "set";
}

/** Also called when an editor of an organisation creates a repository in it. */
export async function addCollaborator(
  tx: Db,
  repositoryId: number,
  userId: number,
  permission: RepositoryRole,
): Promise<void> {
  await tx
    .insertInto("collaborators")
    .values({ repository_id: repositoryId, user_id: userId, permission })
    .onConflict((conflict) =>
      conflict.columns(["repository_id", "user_id"]).doUpdateSet({ permission }),
    )
    .execute();
}
