import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { MemberRole } from "../accounts/schema.ts";
import type { RepositoryPermissionFacts } from "./facts.ts";
import {
  organisationPermissions,
  repositoryPermissions,
  type OrganisationPermission,
  type OrganisationRule,
  type RepositoryPermission,
  type RepositoryRule,
} from "./hub-permissions.ts";
import type { KnownPrincipal, PersonalScope } from "./principal.ts";
import {
  capRole,
  hasScope,
  reaches,
  scopesOn,
  userRole,
  type EffectiveRole,
} from "./repository-rules.ts";

/** The permission that a route of the Hub-shaped API requires. */
export type HubPermission =
  /** None; lists show only what the principal may see. */
  | { readonly of: "anyone" }
  /** A session; the handler checks the rest, since the target is in the body of the request. */
  | { readonly of: "session" }
  /** A session of a user. */
  | { readonly of: "user" }
  /** A session of a user, by password or by an access token with the scope `repo:admin`. */
  | { readonly of: "user-in-full" }
  /** A session of a user, by password: for routes that create or delete credentials. */
  | { readonly of: "password" }
  /** A session of an administrator, by password: for what concerns the whole server. */
  | { readonly of: "administrator" }
  | { readonly of: "repository"; readonly permission: RepositoryPermission }
  /** To create a repository in the namespace. */
  | { readonly of: "namespace" }
  | { readonly of: "organisation"; readonly permission: OrganisationPermission }
  /** The user's own account, or an organisation that the user owns. An administrator may use any account. */
  | { readonly of: "account" }
  /** The same, without access tokens of organisations: what concerns all repositories of the namespace. */
  | { readonly of: "whole-namespace" };

/** `login`: 401, the client needs a session. `unknown`: 404, the same for a hidden and an absent repository. */
export type Decision = "allowed" | "login" | "unknown" | "forbidden";

/** The target of a permission: a repository, a namespace, or an account. */
export interface HubTarget {
  readonly repository?: RepositoryName | undefined;
  readonly namespace?: string | undefined;
}

/** The rows that the rules need besides the principal. */
export interface HubFacts {
  /** Facts of the target repository, in the form of `facts.ts`. */
  readonly repositoryFacts: RepositoryPermissionFacts;
  /** Kind of the account with the namespace's name. */
  readonly home: "user" | "organisation" | undefined;
  /** The principal's role in that organisation. */
  readonly role: MemberRole | undefined;
}

/** The scope of a personal access token also limits its owner's permissions on organisations. */
export const mayRead = (scope: PersonalScope | undefined): boolean => scope !== "repo:public_read";
const mayChange = (scope: PersonalScope | undefined): boolean =>
  scope === undefined || scope === "repo:admin";

/** The decision if it depends on the principal alone; `undefined`: call {@link authorizeByFacts}. */
export function authorizeByPrincipal(
  principal: KnownPrincipal | undefined,
  permission: HubPermission,
  { repository }: HubTarget,
): Decision | undefined {
  if (permission.of === "anyone") return "allowed";
  if (permission.of === "repository") {
    if (repository === undefined) return "unknown";
    // Before any query: an absent and a hidden repository get the same answer.
    const isOpen = repositoryPermissions[permission.permission].role === "public";
    return principal === undefined && !isOpen ? "login" : undefined;
  }
  if (principal === undefined) return "login";
  const isUser = principal.kind === "user";
  switch (permission.of) {
    case "namespace":
    case "organisation":
    case "account":
    case "whole-namespace":
      return undefined;
    case "session":
      return "allowed";
    case "user":
      return isUser ? "allowed" : "forbidden";
    case "user-in-full":
      return isUser && mayChange(principal.scope) ? "allowed" : "forbidden";
    case "password":
      return isUser && principal.by === "password" ? "allowed" : "forbidden";
    case "administrator":
      return isUser && principal.isAdmin && principal.by === "password" ? "allowed" : "forbidden";
  }
}

export function authorizeByFacts(
  principal: KnownPrincipal | undefined,
  permission: HubPermission,
  { repository, namespace = "" }: HubTarget,
  facts: HubFacts,
): Decision {
  const known = authorizeByPrincipal(principal, permission, { repository });
  if (known !== undefined) return known;
  if (permission.of === "repository")
    return repository === undefined
      ? "unknown"
      : ofRepository(principal, permission.permission, repository, facts.repositoryFacts);
  if (principal === undefined) return "login";
  if (permission.of === "namespace") return ofNamespace(principal, namespace, facts);
  if (permission.of === "organisation")
    return ofOrganisation(principal, permission.permission, namespace, facts);
  if (permission.of === "whole-namespace" && principal.kind === "organisation") return "forbidden";
  return ofAccount(principal, namespace, facts);
}

/** A principal's permissions on a repository, by the rules of the Hub-shaped API. */
export function viewOfRepository(
  principal: KnownPrincipal | undefined,
  repositoryFacts: RepositoryPermissionFacts,
  name: RepositoryName,
) {
  const isPublic = repositoryFacts.repositories.get(name)?.visibility === "public";
  const isThere = repositoryFacts.repositories.has(name);
  const role: EffectiveRole =
    principal?.kind === "user" && isThere
      ? capRole(userRole(repositoryFacts, name), principal.scope)
      : "none";
  const scopes =
    principal?.kind === "organisation" && principal.name === namespaceOf(name)
      ? scopesOn(principal.resources, name)
      : [];
  const allows = (rule: RepositoryRule): boolean => {
    if (rule.role === "public" && isPublic) return true;
    if (principal?.kind === "organisation")
      return isThere && rule.scopes.some((scope) => scopes.includes(scope));
    return reaches(role, rule.role === "public" ? "read" : rule.role);
  };
  return { isThere, allows, role, scopes };
}

function ofRepository(
  principal: KnownPrincipal | undefined,
  permission: RepositoryPermission,
  name: RepositoryName,
  repositoryFacts: RepositoryPermissionFacts,
): Decision {
  const { allows, isThere } = viewOfRepository(principal, repositoryFacts, name);
  if (!isThere || !allows(repositoryPermissions.see)) return "unknown";
  return allows(repositoryPermissions[permission]) ? "allowed" : "forbidden";
}

function ofNamespace(principal: KnownPrincipal, namespace: string, facts: HubFacts): Decision {
  if (mayCreateIn(principal, namespace, facts)) return "allowed";
  return facts.home === undefined ? "unknown" : "forbidden";
}

function mayCreateIn(principal: KnownPrincipal, namespace: string, { role }: HubFacts): boolean {
  if (principal.kind === "organisation")
    return (
      principal.name === namespace && hasScope(principal.resources, ["scope-repository-create"])
    );
  if (!mayChange(principal.scope)) return false;
  const isOwn = principal.isAdmin || principal.name === namespace;
  return isOwn || role === "owner" || role === "editor";
}

function ofOrganisation(
  principal: KnownPrincipal,
  permission: OrganisationPermission,
  name: string,
  facts: HubFacts,
): Decision {
  const rule: OrganisationRule = organisationPermissions[permission];
  if (facts.home !== "organisation") return "unknown";
  if (principal.kind === "organisation")
    return !rule.password && principal.name === name && hasScope(principal.resources, rule.scopes)
      ? "allowed"
      : "forbidden";
  if (rule.password && principal.by !== "password") return "forbidden";
  if (!(rule.role === "owner" ? mayChange(principal.scope) : mayRead(principal.scope)))
    return "forbidden";
  const role = principal.isAdmin ? "owner" : facts.role;
  const isEnough = rule.role === "owner" ? role === "owner" : role !== undefined;
  return isEnough ? "allowed" : "forbidden";
}

function ofAccount(principal: KnownPrincipal, name: string, { home, role }: HubFacts): Decision {
  if (principal.kind === "organisation")
    return principal.name === name && hasScope(principal.resources, ["scope-activity-read"])
      ? "allowed"
      : "forbidden";
  if (!mayChange(principal.scope)) return "forbidden";
  if (principal.isAdmin || principal.name === name || role === "owner") return "allowed";
  return home === undefined ? "unknown" : "forbidden";
}
