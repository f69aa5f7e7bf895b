import type { RepositoryFacts } from "../database/sqlite/repository-cache.ts";
import type { RepositoryName } from "../oci/name.ts";
import { clientActor, openActor, type Actor } from "../database/permissions/authority.ts";
import { NotAuthorizedError } from "../database/permissions/check.ts";
import type { Action } from "../database/permissions/repository-rules.ts";
import type { Grant } from "./principal.ts";
import { visibleTo, type VisibilityFilter } from "./visibility.ts";
import type { PermissionReader } from "./permissions.ts";

export { NotAuthorizedError, type Action };

/** What a route needs from whoever asks; every route declares it, and a route that does not fails the tests. */
export type Permission =
  /** Nothing: the answer says nothing of what is stored. */
  | { readonly kind: "none" }
  /** Being known to the registry, whatever else one may do. */
  | { readonly kind: "access" }
  | {
      readonly kind: "repository";
      readonly actions: readonly Action[];
      /** What to ask a token for, where that is more than is needed. */
      readonly scope?: readonly Action[];
    }
  | { readonly kind: "catalog" }
  /** Nothing: whoever asks, also nobody, sees what they may read. */
  | { readonly kind: "browse" };

export interface Policy {
  /**
   * The caller as to this repository. What was granted while there was none of that name is asked for again once there
   * is: it may be somebody else's by now, or of somebody else who has the name of its account.
   */
  recheckPermission(grant: Grant, repository: RepositoryName): Grant | Promise<Grant>;
  /** Decided at once, from what was granted to the caller and what is known of the repository. */
  allows(request: {
    readonly grant: Grant;
    readonly permission: Permission;
    readonly repository: RepositoryName | undefined;
  }): boolean;
  /** The caller that {@link allows} has let in, as the actor of a command. */
  actor(request: {
    readonly grant: Grant;
    readonly permission: Permission;
    readonly repository: RepositoryName | undefined;
    readonly peer: string;
  }): Actor;
  /** Whether the caller may read a repository besides the one that the request is about. */
  mayRead(grant: Grant, repository: RepositoryName): boolean | Promise<boolean>;
  /** Whether anybody may read it, so that caches between us and the caller may keep what is read. */
  isPublic(repository: RepositoryName): boolean;
  /** Whose list of repositories the caller sees. */
  visibilityFor(grant: Grant): VisibilityFilter;
}

/** `auth.open`: there are no accounts, and everybody may do everything. */
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

/** Grants decide; whoever has none for a repository learns nothing about it, not even whether it is there. */
export function createPolicy(parts: {
  readonly factsOf: (
    repository: RepositoryName,
  ) => Pick<RepositoryFacts, "isThere" | "isPublic" | "removal">;
  readonly permissionReader: Pick<PermissionReader, "actions">;
}): Policy {
  const { factsOf, permissionReader } = parts;
  const isGranted = (grant: Grant, repository: RepositoryName, actions: readonly Action[]) => {
    const granted = grant.access.get(repository);
    if (granted === undefined || !actions.every((action) => granted.has(action))) return false;
    return factsOf(repository).removal <= grant.removals && !needsRecheck(grant, repository);
  };
  const needsRecheck = ({ absent }: Grant, repository: RepositoryName): boolean =>
    absent.has(repository) && factsOf(repository).isThere;

  const recheckPermission = async (grant: Grant, repository: RepositoryName): Promise<Grant> => {
    const held = (await permissionReader.actions(grant.principal, [repository])).get(repository);
    const granted = grant.access.get(repository) ?? new Set();
    const left = new Set([...granted].filter((action) => held?.has(action)));
    const absent = new Set([...grant.absent].filter((name) => name !== repository));
    return { ...grant, access: new Map(grant.access).set(repository, left), absent };
  };

  return {
    recheckPermission: (grant, repository) =>
      needsRecheck(grant, repository) ? recheckPermission(grant, repository) : grant,
    allows({ grant, permission, repository }) {
      switch (permission.kind) {
        case "none":
        case "access":
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
        ...{ principal, peer, permission: required, removals, expiresAtMs },
        target: { repository },
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
