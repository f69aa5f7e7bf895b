import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { RepositoryRole } from "../accounts/schema.ts";
import type { RepositoryPermissionFacts } from "./facts.ts";
import type { PersonalScope, Principal, TokenResource } from "./principal.ts";

/*
 * The permissions of a principal on a repository, as pure functions of rows. The same rules authorize a request before
 * its command, and the command in its transaction.
 */

export type Action = "pull" | "push" | "delete";
export type EffectiveRole = "none" | RepositoryRole;

const actionsOf: Readonly<Record<EffectiveRole, ReadonlySet<Action>>> = {
  none: new Set(),
  read: new Set(["pull"]),
  write: new Set(["pull", "push"]),
  admin: new Set(["pull", "push", "delete"]),
};
const ranks: Readonly<Record<EffectiveRole, number>> = { none: 0, read: 1, write: 2, admin: 3 };
const lower = (a: EffectiveRole, b: EffectiveRole): EffectiveRole => (ranks[a] < ranks[b] ? a : b);
const higher = (a: EffectiveRole, b: EffectiveRole): EffectiveRole => (ranks[a] < ranks[b] ? b : a);

export const reaches = (role: EffectiveRole, wanted: EffectiveRole): boolean =>
  ranks[role] >= ranks[wanted];

/** The highest role that each scope of a personal access token allows on a repository that is not public. */
const caps: Readonly<Record<PersonalScope, EffectiveRole>> = {
  "repo:admin": "admin",
  "repo:write": "write",
  "repo:read": "read",
  "repo:public_read": "none",
};

/** A user's role, limited by the scope of the access token if one was used. */
export function capRole(role: EffectiveRole, scope: PersonalScope | undefined): EffectiveRole {
  return scope === undefined ? role : lower(role, caps[scope]);
}

/**
 * The actions of a principal on each repository. On an absent repository it has "push" if it may create the repository.
 */
export function actionsFor(
  principal: Principal,
  facts: RepositoryPermissionFacts,
  createOnPush: boolean,
): (name: RepositoryName) => ReadonlySet<Action> {
  const roleOf = (name: RepositoryName): EffectiveRole => {
    switch (principal.kind) {
      case "anonymous":
        return "none";
      case "user":
        return capRole(userRole(facts, name), principal.scope);
      case "organisation":
        return tokenRole(facts, principal.resources, name);
    }
  };
  if (principal.kind !== "anonymous" && (facts.account === undefined || facts.account.disabled))
    return () => actionsOf.none;
  return (name) => {
    const repository = facts.repositories.get(name);
    const role = roleOf(name);
    if (repository !== undefined)
      return actionsOf[repository.visibility === "public" ? higher(role, "read") : role];
    if (createOnPush) return actionsOf[role];
    return new Set([...actionsOf[role]].filter((action) => action !== "push"));
  };
}

/** A user's own role on an existing repository, or on a repository that the user could create. */
export function userRole(
  { account, roles, repositories }: RepositoryPermissionFacts,
  name: RepositoryName,
): EffectiveRole {
  const namespace = namespaceOf(name);
  const role = roles.get(namespace);
  if (account?.isAdmin || account?.name === namespace || role === "owner") return "admin";
  const repository = repositories.get(name);
  if (repository === undefined) return role === "editor" ? "write" : "none";
  return repository.role ?? "none";
}

/**
 * The role of an organisation's access token. It has a role only in its own organisation, whatever its resources say.
 */
function tokenRole(
  { account, repositories }: RepositoryPermissionFacts,
  resources: readonly TokenResource[],
  name: RepositoryName,
): EffectiveRole {
  if (account?.name !== namespaceOf(name)) return "none";
  const scopes = new Set(scopesOn(resources, name));
  const role: EffectiveRole = scopes.has("scope-image-delete")
    ? "admin"
    : scopes.has("scope-image-push")
      ? "write"
      : scopes.has("scope-image-pull")
        ? "read"
        : "none";
  if (repositories.has(name)) return role;
  return hasScope(resources, ["scope-repository-create"]) ? role : lower(role, "read");
}

/** The scopes that an organisation's token has on a repository. */
export function scopesOn(resources: readonly TokenResource[], name: RepositoryName): string[] {
  return resources
    .filter(({ type, path }) => type === "TYPE_REPO" && opensPath(path, name))
    .flatMap(({ scopes }) => scopes);
}

/** Whether an organisation's token has one of the scopes on the organisation itself. */
export function hasScope(resources: readonly TokenResource[], wanted: readonly string[]): boolean {
  return resources.some(
    ({ type, scopes }) => type === "TYPE_ORG" && scopes.some((scope) => wanted.includes(scope)),
  );
}

/** Whether the path of a token's resource matches a repository. `*` matches any characters. */
export function opensPath(pattern: string, name: string): boolean {
  // Each piece is matched at its first position after the previous one, so that the time is linear in the name for
  // every pattern.
  const [first = "", ...pieces] = pattern.split("*");
  const last = pieces.pop();
  if (last === undefined) return pattern === name;
  if (!name.startsWith(first) || !name.endsWith(last)) return false;
  const end = name.length - last.length;
  let from = first.length;
  for (const piece of pieces) {
    const at = name.indexOf(piece, from);
    if (at === -1) return false;
    from = at + piece.length;
  }
  return from <= end;
}
