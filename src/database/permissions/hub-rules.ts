import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { RightsFacts } from "./facts.ts";
import type { MemberRole } from "../schema.ts";
import {
  organisationDeeds,
  repositoryDeeds,
  type OrganisationDeed,
  type OrganisationRule,
  type RepositoryDeed,
  type RepositoryRule,
} from "./hub-permissions.ts";
import type { KnownIdentity, PersonalScope } from "./identity.ts";
import {
  capLevel,
  hasScope,
  reaches,
  scopesOn,
  userLevel,
  type Level,
} from "./repository-rules.ts";

/** What a call of the Hub-shaped API needs from whoever makes it. */
export type RoutePermission =
  /** Nothing; lists show only what the caller may see. */
  | { readonly of: "nobody" }
  /** To have logged in; what may be done shows only in the body of the call. */
  | { readonly of: "session" }
  /** To be a user. */
  | { readonly of: "user" }
  /** To be a user, and not with an access token that may do less. */
  | { readonly of: "user-in-full" }
  /** To be a user who has logged in with the password: what makes or ends credentials. */
  | { readonly of: "password" }
  | { readonly of: "repository"; readonly deed: RepositoryDeed }
  /** To make a repository in the namespace. */
  | { readonly of: "namespace" }
  | { readonly of: "organisation"; readonly deed: OrganisationDeed }
  /** The account is their own, or that of an organisation that they own. */
  | { readonly of: "account" };

/** `login`: 401, with a session it may be allowed. `unknown`: 404, the same for what is hidden and what is not there. */
export type Verdict = "allowed" | "login" | "unknown" | "forbidden";

/** Of what a need speaks: a repository, a namespace, or an account. */
export interface HubTarget {
  readonly repository?: RepositoryName | undefined;
  readonly namespace?: string | undefined;
}

/** What the rules ask of the rows besides the identity. */
export interface HubFacts {
  /** As `rights.ts` reads it, of the repository of the target. */
  readonly rights: RightsFacts;
  /** Kind of the account that has the name of the namespace. */
  readonly home: "user" | "organisation" | undefined;
  /** The identity's role in it. */
  readonly role: MemberRole | undefined;
}

/** A personal access token takes from what its owner may do to organisations, too. */
export const mayRead = (scope: PersonalScope | undefined): boolean => scope !== "repo:public_read";
const mayChange = (scope: PersonalScope | undefined): boolean =>
  scope === undefined || scope === "repo:admin";

/** The verdict where it follows from who asks alone; `undefined`: {@link judgeByFacts} has to be asked. */
export function judgeByIdentity(
  identity: KnownIdentity | undefined,
  need: RoutePermission,
  { repository }: HubTarget,
): Verdict | undefined {
  if (need.of === "nobody") return "allowed";
  if (need.of === "repository") {
    if (repository === undefined) return "unknown";
    // Before anything is looked up: what is missing and what is hidden get the same answer.
    const isOpen = repositoryDeeds[need.deed].level === "public";
    return identity === undefined && !isOpen ? "login" : undefined;
  }
  if (identity === undefined) return "login";
  const isUser = identity.kind === "user";
  switch (need.of) {
    case "namespace":
    case "organisation":
    case "account":
      return undefined;
    case "session":
      return "allowed";
    case "user":
      return isUser ? "allowed" : "forbidden";
    case "user-in-full":
      return isUser && mayChange(identity.scope) ? "allowed" : "forbidden";
    case "password":
      return isUser && identity.by === "password" ? "allowed" : "forbidden";
  }
}

export function judgeByFacts(
  identity: KnownIdentity | undefined,
  need: RoutePermission,
  { repository, namespace = "" }: HubTarget,
  facts: HubFacts,
): Verdict {
  const known = judgeByIdentity(identity, need, { repository });
  if (known !== undefined) return known;
  if (need.of === "repository")
    return repository === undefined
      ? "unknown"
      : ofRepository(identity, need.deed, repository, facts.rights);
  if (identity === undefined) return "login";
  if (need.of === "namespace") return ofNamespace(identity, namespace, facts);
  if (need.of === "organisation") return ofOrganisation(identity, need.deed, namespace, facts);
  return ofAccount(identity, namespace, facts);
}

/** What an identity may do with a repository, by rules of the Hub-shaped API. */
export function viewOfRepository(
  identity: KnownIdentity | undefined,
  rights: RightsFacts,
  name: RepositoryName,
) {
  const isPublic = rights.repositories.get(name)?.visibility === "public";
  const isThere = rights.repositories.has(name);
  const level: Level =
    identity?.kind === "user" && isThere
      ? capLevel(userLevel(rights, name), identity.scope)
      : "none";
  const opened =
    identity?.kind === "organisation" && identity.name === namespaceOf(name)
      ? scopesOn(identity.resources, name)
      : [];
  const allows = (rule: RepositoryRule): boolean => {
    if (rule.level === "public" && isPublic) return true;
    if (identity?.kind === "organisation")
      return isThere && rule.scopes.some((scope) => opened.includes(scope));
    return reaches(level, rule.level === "public" ? "read" : rule.level);
  };
  return { isThere, allows, level, opened };
}

function ofRepository(
  identity: KnownIdentity | undefined,
  deed: RepositoryDeed,
  name: RepositoryName,
  rights: RightsFacts,
): Verdict {
  const { allows, isThere } = viewOfRepository(identity, rights, name);
  if (!isThere || !allows(repositoryDeeds.see)) return "unknown";
  return allows(repositoryDeeds[deed]) ? "allowed" : "forbidden";
}

function ofNamespace(identity: KnownIdentity, namespace: string, facts: HubFacts): Verdict {
  if (mayCreateIn(identity, namespace, facts)) return "allowed";
  return facts.home === undefined ? "unknown" : "forbidden";
}

function mayCreateIn(identity: KnownIdentity, namespace: string, { role }: HubFacts): boolean {
  if (identity.kind === "organisation")
    return identity.name === namespace && hasScope(identity.resources, ["scope-repository-create"]);
  if (!mayChange(identity.scope)) return false;
  const isOwn = identity.isAdmin || identity.name === namespace;
  return isOwn || role === "owner" || role === "editor";
}

function ofOrganisation(
  identity: KnownIdentity,
  deed: OrganisationDeed,
  name: string,
  facts: HubFacts,
): Verdict {
  const rule: OrganisationRule = organisationDeeds[deed];
  if (facts.home !== "organisation") return "unknown";
  if (identity.kind === "organisation")
    return !rule.password && identity.name === name && hasScope(identity.resources, rule.scopes)
      ? "allowed"
      : "forbidden";
  if (rule.password && identity.by !== "password") return "forbidden";
  if (!(rule.role === "owner" ? mayChange(identity.scope) : mayRead(identity.scope)))
    return "forbidden";
  const role = identity.isAdmin ? "owner" : facts.role;
  const isEnough = rule.role === "owner" ? role === "owner" : role !== undefined;
  return isEnough ? "allowed" : "forbidden";
}

function ofAccount(identity: KnownIdentity, name: string, { home, role }: HubFacts): Verdict {
  if (identity.kind === "organisation")
    return identity.name === name && hasScope(identity.resources, ["scope-activity-read"])
      ? "allowed"
      : "forbidden";
  if (!mayChange(identity.scope)) return "forbidden";
  if (identity.isAdmin || identity.name === name || role === "owner") return "allowed";
  return home === undefined ? "unknown" : "forbidden";
}
