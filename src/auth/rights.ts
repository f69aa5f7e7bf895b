import type { Metadata } from "../metadata/metadata.ts";
import type { RightsFacts } from "../metadata/rights.ts";
import type { PermissionLevel, Visibility } from "../metadata/schema.ts";
import { namespaceOf, type RepositoryName } from "../oci/name.ts";
import type { Access } from "./caller.ts";
import type { Identity, PersonalScope, TokenResource } from "./identity.ts";
import type { Action } from "./policy.ts";
import { opensPath } from "./token-resources.ts";

export interface Rights {
  /**
   * What an identity may do, as the database says at this moment: every name has an entry, maybe an empty one. A
   * repository that is not there may be pushed to by who may create it. A disabled account has nothing.
   */
  of(identity: Identity, names: readonly RepositoryName[]): Promise<Access>;
  /** The same, and of which of the names there is no repository. */
  standing(identity: Identity, names: readonly RepositoryName[]): Promise<Standing>;
}

export interface Standing {
  readonly access: Access;
  readonly absent: ReadonlySet<RepositoryName>;
}

export type Level = "none" | PermissionLevel;
/** By namespace. */
export type MirrorVisibility = ReadonlyMap<string, Visibility>;

const actionsOf: Readonly<Record<Level, ReadonlySet<Action>>> = {
  none: new Set(),
  read: new Set(["pull"]),
  write: new Set(["pull", "push"]),
  admin: new Set(["pull", "push", "delete"]),
};
const ranks: Readonly<Record<Level, number>> = { none: 0, read: 1, write: 2, admin: 3 };
const lower = (a: Level, b: Level): Level => (ranks[a] < ranks[b] ? a : b);
const higher = (a: Level, b: Level): Level => (ranks[a] < ranks[b] ? b : a);

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

export function createRights(parts: {
  readonly metadata: Pick<Metadata, "rights">;
  /** `repositories.createOnPush`. */
  readonly createOnPush: boolean;
  /** Namespaces of mirrors, which fill by being pulled from: who may pull from what is not there yet. */
  readonly mirrors?: MirrorVisibility | undefined;
}): Rights {
  const { metadata, createOnPush, mirrors = new Map() } = parts;

  const standing: Rights["standing"] = async (identity, names) => {
    if (names.length === 0) return { access: new Map(), absent: new Set() };
    const accountId = identity.kind === "anonymous" ? undefined : identity.accountId;
    const facts = await metadata.rights.facts(accountId, names);
    const isGone = facts.account === undefined || facts.account.disabled;
    const isClosed = identity.kind !== "anonymous" && isGone;
    const judge = isClosed ? () => actionsOf.none : judgeOf(identity, facts, createOnPush);
    const opens = (name: RepositoryName): boolean => {
      const visibility = mirrors.get(namespaceOf(name));
      if (visibility === undefined) return false;
      return visibility === "public" || isMember(identity, facts, name);
    };
    // A mirror's repository that comes with the first pull is the one that was meant.
    const isAbsent = (name: RepositoryName): boolean =>
      !facts.repositories.has(name) && !mirrors.has(namespaceOf(name));
    return {
      access: new Map(
        names.map((name) => [name, !isClosed && opens(name) ? withPull(judge(name)) : judge(name)]),
      ),
      absent: new Set(names.filter(isAbsent)),
    };
  };
  return {
    standing,
    of: async (identity, names) => (await standing(identity, names)).access,
  };
}

/** Whether a private mirror is open to somebody: to every member of the organisation that has its name. */
function isMember(identity: Identity, { roles }: RightsFacts, name: RepositoryName): boolean {
  return (
    identity.kind === "user" &&
    identity.scope !== "repo:public_read" &&
    roles.has(namespaceOf(name))
  );
}

const withPull = (actions: ReadonlySet<Action>): ReadonlySet<Action> =>
  new Set<Action>([...actions, "pull"]);

function judgeOf(
  identity: Identity,
  facts: RightsFacts,
  createOnPush: boolean,
): (name: RepositoryName) => ReadonlySet<Action> {
  const levelOf = (name: RepositoryName): Level => {
    switch (identity.kind) {
      case "anonymous":
        return "none";
      case "user": {
        return capLevel(userLevel(facts, name), identity.scope);
      }
      case "organisation":
        return tokenLevel(facts, identity.resources, name);
    }
  };
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
  const scopes = new Set(
    resources
      .filter(({ type, path }) => type === "TYPE_REPO" && opensPath(path, name))
      .flatMap((resource) => resource.scopes),
  );
  const level: Level = scopes.has("scope-image-delete")
    ? "admin"
    : scopes.has("scope-image-push")
      ? "write"
      : scopes.has("scope-image-pull")
        ? "read"
        : "none";
  if (repositories.has(name)) return level;
  const mayCreate = resources.some(
    ({ type, scopes }) => type === "TYPE_ORG" && scopes.includes("scope-repository-create"),
  );
  return mayCreate ? level : lower(level, "read");
}
