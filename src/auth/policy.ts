import type { RepositoryFacts } from "../database/sqlite/caches.ts";
import type { RepositoryName } from "../oci/name.ts";
import { clientActor, openActor, type Actor } from "../database/permissions/authority.ts";
import { NotAuthorizedError } from "../database/permissions/check.ts";
import type { Action } from "../database/permissions/repository-rules.ts";
import type { Grant } from "./principal.ts";
import { visibleTo, type VisibilityFilter } from "./visibility.ts";
import type { PermissionReader } from "./permission-reader.ts";

export { NotAuthorizedError, type Action };

/** The permission that a route requires. Every route declares one; a test fails for a route without it. */
export type Permission =
  /** No permission: the response says nothing about stored content. */
  | { readonly kind: "none" }
  /** Any known principal, whatever its permissions. */
  | { readonly kind: "known-principal" }
  | {
      readonly kind: "repository";
      readonly actions: readonly Action[];
      /** The actions for the scope in `WWW-Authenticate`, if they are more than the required ones. */
      readonly scope?: readonly Action[];
    }
  | { readonly kind: "catalog" }
  /** No permission: every client, also an anonymous one, sees the repositories that it may read. */
  | { readonly kind: "browse" };

export interface Policy {
  /**
   * Grants issued before the repository existed are checked again: another account may have created it since, or
   * another account may have the name of the namespace.
   */
  recheckPermission(grant: Grant, repository: RepositoryName): Grant | Promise<Grant>;
  /** Decides without I/O, from the grant and the cached facts of the repository. */
  allows(request: {
    readonly grant: Grant;
    readonly permission: Permission;
    readonly repository: RepositoryName | undefined;
  }): boolean;
  /** The actor of the commands of a request that {@link allows} accepted. */
  actor(request: {
    readonly grant: Grant;
    readonly permission: Permission;
    readonly repository: RepositoryName | undefined;
    readonly peer: string;
  }): Actor;
  /** Whether the principal may read a repository other than the one of the request. */
  mayRead(grant: Grant, repository: RepositoryName): boolean | Promise<boolean>;
  /** Whether every client may read the repository, so that shared HTTP caches may store the response. */
  isPublic(repository: RepositoryName): boolean;
  /** The filter for the list of repositories. */
  visibilityFor(grant: Grant): VisibilityFilter;
}

/** `auth.open`: there are no accounts, and every client may do everything. */
export function createOpenPolicy(): Policy {
  return {
    recheckPermission: (grant) => grant,
    allows: () => true,
    actor: ({ peer }) => openActor(peer),
    mayRead: () => true,
    isPublic: () => true,
    visibilityFor: () => ({ kind: "everything" }),
  };
}

/** Decides by the grant. Without a grant for a repository, the client does not learn whether it exists. */
export function createPolicy(parts: {
  readonly factsOf: (
    repository: RepositoryName,
  ) => Pick<RepositoryFacts, "isThere" | "isPublic" | "removal">;
  readonly permissionReader: Pick<PermissionReader, "actions">;
}): Policy {
  const { factsOf, permissionReader } = parts;
  const isGranted = (grant: Grant, repository: RepositoryName, actions: readonly Action[]) => {
    const granted = grant.actions.get(repository);
    if (granted === undefined || !actions.every((action) => granted.has(action))) return false;
    return factsOf(repository).removal <= grant.removals && !needsRecheck(grant, repository);
  };
  const needsRecheck = ({ absent }: Grant, repository: RepositoryName): boolean =>
    absent.has(repository) && factsOf(repository).isThere;

  const recheckPermission = async (grant: Grant, repository: RepositoryName): Promise<Grant> => {
    const held = (await permissionReader.actions(grant.principal, [repository])).get(repository);
    const granted = grant.actions.get(repository) ?? new Set();
    const left = new Set([...granted].filter((action) => held?.has(action)));
    const absent = new Set([...grant.absent].filter((name) => name !== repository));
    return { ...grant, actions: new Map(grant.actions).set(repository, left), absent };
  };

  return {
    recheckPermission: (grant, repository) =>
      needsRecheck(grant, repository) ? recheckPermission(grant, repository) : grant,
    allows({ grant, permission, repository }) {
      switch (permission.kind) {
        case "none":
        case "known-principal":
        case "browse":
          return true;
        case "catalog":
          return grant.catalog;
        case "repository":
          return repository !== undefined && isGranted(grant, repository, permission.actions);
      }
    },
    actor({ grant, permission, repository, peer }) {
      const { principal, removals, expiresAtMs } = grant;
      const actions = permission.kind === "repository" ? permission.actions : [];
      const required = { of: "registry", actions } as const;
      return clientActor({
        principal,
        peer,
        permission: required,
        target: { repository },
        removals,
        expiresAtMs,
      });
    },
    async mayRead(asking, repository) {
      const grant = needsRecheck(asking, repository)
        ? await recheckPermission(asking, repository)
        : asking;
      if (isGranted(grant, repository, ["pull"]) || factsOf(repository).isPublic) return true;
      if (!grant.live) return false;
      const live = await permissionReader.actions(grant.principal, [repository]);
      return live.get(repository)?.has("pull") ?? false;
    },
    isPublic: (repository) => factsOf(repository).isPublic,
    visibilityFor: ({ principal }) => visibleTo(principal),
  };
}
