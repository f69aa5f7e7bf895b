import type { Database } from "../database/contract.ts";
import type { RepositoryPermissionFacts } from "../database/permissions/facts.ts";
import type { Principal } from "../database/permissions/principal.ts";
import { actionsFor, type Action } from "../database/permissions/repository-rules.ts";
import type { Visibility } from "../database/registry/schema.ts";
import { namespaceOf, type RepositoryName } from "../oci/name.ts";
import type { GrantedActions } from "./principal.ts";

export interface PermissionReader {
  /**
   * The principal's current actions per repository, from the database. Every name has an entry, which may be empty. A
   * principal that may create the repository may push to a repository that does not exist. A disabled account has no
   * actions.
   */
  actions(principal: Principal, names: readonly RepositoryName[]): Promise<GrantedActions>;
  /** As {@link actions}, with the set of names that have no repository. */
  granted(principal: Principal, names: readonly RepositoryName[]): Promise<GrantedRepositories>;
}

interface GrantedRepositories {
  readonly actions: GrantedActions;
  readonly absent: ReadonlySet<RepositoryName>;
}

/** Visibility of a mirror, by namespace. */
export type MirrorVisibility = ReadonlyMap<string, Visibility>;

export function createPermissionReader(parts: {
  readonly database: Pick<Database, "repositoryPermissions">;
  /** `repositories.createOnPush`. */
  readonly createOnPush: boolean;
  /**
   * Namespaces of mirrors. A pull creates the repository there, so "pull" is granted for a repository that does not
   * exist yet.
   */
  readonly mirrors?: MirrorVisibility | undefined;
}): PermissionReader {
  const { database, createOnPush, mirrors = new Map() } = parts;

  const granted: PermissionReader["granted"] = async (principal, names) => {
    if (names.length === 0) return { actions: new Map(), absent: new Set() };
    const accountId = principal.kind === "anonymous" ? undefined : principal.accountId;
    const facts = await database.repositoryPermissions.facts(accountId, names);
    const isGone = facts.account === undefined || facts.account.disabled;
    const isClosed = principal.kind !== "anonymous" && isGone;
    const actionsOf = actionsFor(principal, facts, createOnPush);
    const opens = (name: RepositoryName): boolean => {
      const visibility = mirrors.get(namespaceOf(name));
      if (visibility === undefined) return false;
      return visibility === "public" || isMember(principal, facts, name);
    };
    // In a mirror's namespace the first pull creates the repository, so the grant does not have to be checked again.
    const isAbsent = (name: RepositoryName): boolean =>
      !facts.repositories.has(name) && !mirrors.has(namespaceOf(name));
    return {
      actions: new Map(
        names.map((name) => [
          name,
          !isClosed && opens(name) ? withPull(actionsOf(name)) : actionsOf(name),
        ]),
      ),
      absent: new Set(names.filter(isAbsent)),
    };
  };
  return {
    granted,
    actions: async (principal, names) => (await granted(principal, names)).actions,
  };
}

/** Whether a private mirror is open to the principal: it is for every member of the organisation of the same name. */
function isMember(
  principal: Principal,
  { roles }: RepositoryPermissionFacts,
  name: RepositoryName,
): boolean {
  return (
    principal.kind === "user" &&
    principal.scope !== "repo:public_read" &&
    roles.has(namespaceOf(name))
  );
}

const withPull = (actions: ReadonlySet<Action>): ReadonlySet<Action> =>
  new Set<Action>([...actions, "pull"]);
