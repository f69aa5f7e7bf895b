import type { NamespaceView } from "../database/catalog/namespace-pages.ts";
import type { Database } from "../database/contract.ts";
import { repositoryPermissions } from "../database/permissions/hub-permissions.ts";
import { mayRead } from "../database/permissions/hub-rules.ts";
import type { KnownPrincipal, Principal } from "../database/permissions/principal.ts";
import { hasScope } from "../database/permissions/repository-rules.ts";
import type { VisibilityFilter } from "../database/catalog/visibility-filter.ts";
import { defaultNamespace } from "../oci/name.ts";

export type { VisibilityFilter };

const pullingScopes = ["scope-image-pull", "scope-image-push", "scope-image-delete"];

/** The repositories that a principal sees in the catalog: those that it may pull. */
export function visibleTo(principal: Principal): VisibilityFilter {
  switch (principal.kind) {
    case "anonymous":
      return { kind: "public" };
    case "user": {
      const { accountId, isAdmin, scope } = principal;
      if (scope === "repo:public_read") return { kind: "public" };
      return isAdmin ? { kind: "everything" } : { kind: "user", accountId };
    }
    case "organisation": {
      const paths = repositoryPaths(principal, pullingScopes);
      return { kind: "paths", namespace: principal.name, paths };
    }
  }
}

/**
 * The repositories of a namespace that a principal sees on the pages of the Hub-shaped API. `undefined` is an anonymous
 * client.
 */
export async function viewOfNamespace(
  memberships: Pick<Database["memberships"], "roleIn">,
  principal: KnownPrincipal | undefined,
  namespace: string,
): Promise<NamespaceView> {
  if (principal === undefined) return { kind: "public" };
  if (principal.kind === "organisation") {
    if (principal.name !== namespace || !hasScope(principal.resources, ["scope-repository-list"]))
      return { kind: "public" };
    return { kind: "paths", paths: repositoryPaths(principal, repositoryPermissions.see.scopes) };
  }
  const { scope, isAdmin, accountId, name } = principal;
  if (!mayRead(scope)) return { kind: "public" };
  if (isAdmin || name === namespace) return { kind: "all" };
  if (namespace === defaultNamespace) return { kind: "granted", userId: accountId };
  const role = await memberships.roleIn(namespace, accountId);
  return role === "owner" ? { kind: "all" } : { kind: "granted", userId: accountId };
}

/** The paths of an organisation's token that have one of the scopes. */
function repositoryPaths(
  { resources }: Extract<Principal, { kind: "organisation" }>,
  wanted: readonly string[],
): readonly string[] {
  return resources
    .filter(
      ({ type, scopes }) => type === "TYPE_REPO" && scopes.some((one) => wanted.includes(one)),
    )
    .map(({ path }) => path);
}
