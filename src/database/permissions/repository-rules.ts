import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { RightsFacts } from "./facts.ts";
import type { PermissionLevel } from "../schema.ts";
import type { Identity, PersonalScope, TokenResource } from "./identity.ts";

/*
 * What an identity may do with a repository, as a function of rows. The same rules judge a request before its command
 * and the command in its transaction.
 */

export type Action = "pull" | "push" | "delete";
export type Level = "none" | PermissionLevel;

const actionsOf: Readonly<Record<Level, ReadonlySet<Action>>> = {
  none: new Set(),
  read: new Set(["pull"]),
  write: new Set(["pull", "push"]),
  admin: new Set(["pull", "push", "delete"]),
};
const ranks: Readonly<Record<Level, number>> = { none: 0, read: 1, write: 2, admin: 3 };
const lower = (a: Level, b: Level): Level => (ranks[a] < ranks[b] ? a : b);
const higher = (a: Level, b: Level): Level => (ranks[a] < ranks[b] ? b : a);

export const reaches = (level: Level, wanted: Level): boolean => ranks[level] >= ranks[wanted];

/** What a personal access token leaves of its owner's rights where the repository is not public. */
const caps: Readonly<Record<PersonalScope, Level>> = {
  "repo:admin": "admin",
  "repo:write": "write",
  "repo:read": "read",
  "repo:public_read": "none",
};

/** What is left of a user's level where an access token stood in for the password. */
export function capLevel(level: Level, scope: PersonalScope | undefined): Level {
  return scope === undefined ? level : lower(level, caps[scope]);
}

/** The actions that an identity has on each repository. One that is not there may be pushed to by who may create it. */
export function actionsFor(
  identity: Identity,
  facts: RightsFacts,
  createOnPush: boolean,
): (name: RepositoryName) => ReadonlySet<Action> {
  const levelOf = (name: RepositoryName): Level => {
    switch (identity.kind) {
      case "anonymous":
        return "none";
      case "user":
        return capLevel(userLevel(facts, name), identity.scope);
      case "organisation":
        return tokenLevel(facts, identity.resources, name);
    }
  };
  if (identity.kind !== "anonymous" && (facts.account === undefined || facts.account.disabled))
    return () => actionsOf.none;
  return (name) => {
    const repository = facts.repositories.get(name);
    const level = levelOf(name);
    if (repository !== undefined)
      return actionsOf[repository.visibility === "public" ? higher(level, "read") : level];
    if (createOnPush) return actionsOf[level];
    return new Set([...actionsOf[level]].filter((action) => action !== "push"));
  };
}

/** A user's own rights on what is there, or on what they could make where nothing is. */
export function userLevel(
  { account, roles, repositories }: RightsFacts,
  name: RepositoryName,
): Level {
  const namespace = namespaceOf(name);
  const role = roles.get(namespace);
  if (account?.isAdmin || account?.name === namespace || role === "owner") return "admin";
  const repository = repositories.get(name);
  if (repository === undefined) return role === "editor" ? "write" : "none";
  return repository.permission ?? "none";
}

/** Of an organisation access token: only in its own organisation, whatever a resource says. */
function tokenLevel(
  { account, repositories }: RightsFacts,
  resources: readonly TokenResource[],
  name: RepositoryName,
): Level {
  if (account?.name !== namespaceOf(name)) return "none";
  const scopes = new Set(scopesOn(resources, name));
  const level: Level = scopes.has("scope-image-delete")
    ? "admin"
    : scopes.has("scope-image-push")
      ? "write"
      : scopes.has("scope-image-pull")
        ? "read"
        : "none";
  if (repositories.has(name)) return level;
  return hasScope(resources, ["scope-repository-create"]) ? level : lower(level, "read");
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

/** Whether the path of a token's resource, in which `*` stands for any characters, means a repository. */
export function opensPath(pattern: string, name: string): boolean {
  // Each piece at its first place behind the one before it, so that time is linear in the name for every pattern.
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
