import type { Facts, RepositoryFacts } from "../database/facts.ts";
import type { RepositoryName } from "../oci/name.ts";
import { clientActor, openActor, type Actor } from "../database/permissions/authority.ts";
import { NotAuthorizedError } from "../database/permissions/check.ts";
import type { Action } from "../database/permissions/repository-rules.ts";
import type { Grant } from "./principal.ts";
import { visibleTo, type VisibilityFilter } from "./visibility.ts";
import type { PermissionReader } from "./permission-reader.ts";

export { NotAuthorizedError, type Action };

/**
 * The permission that a route for clients with a token requires (distribution API, operator's routes). Every route
 * declares one; a test fails for a route without it.
 */
export type RegistryPermission =
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

/** A grant, and the facts of the repository that decide with it; `undefined`: the grant does not cover it. */
interface CurrentGrant {
  readonly grant: Grant;
  readonly repository: RepositoryFacts | undefined;
}

export interface Policy {
  /**
   * Whether the grant has an entry for the repository. Without one the request is denied without a query, so that a
   * missing and a forbidden repository cost the same time.
   */
  covers(grant: Grant, repository: RepositoryName): boolean;
  /**
   * The facts of the repository, and the grant as it is now: a grant issued before the repository existed is checked
   * again, since another account may have created it, or may have the name of the namespace.
   */
  recheckPermission(grant: Grant, repository: RepositoryName): Promise<CurrentGrant>;
  /** Decides without I/O, from the grant and the facts of the repository. */
  allows(request: {
    readonly grant: Grant;
    readonly permission: RegistryPermission;
    readonly repository: RepositoryFacts | undefined;
  }): boolean;
  /** The actor of the commands of a request that {@link allows} accepted. */
  actor(request: {
    readonly grant: Grant;
    readonly permission: RegistryPermission;
    readonly repository: RepositoryName | undefined;
    readonly peer: string;
  }): Actor;
  /** Whether the principal may read a repository other than the one of the request. */
  mayRead(grant: Grant, repository: RepositoryName): Promise<boolean>;
  /** Whether every client may read the repository, so that shared HTTP caches may store the response. */
  isPublic(repository: RepositoryFacts): boolean;
  /** The filter for the list of repositories. */
  visibilityFor(grant: Grant): VisibilityFilter;
}

type ReadFacts = Pick<Facts["repositories"], "get">;

/** `auth.open`: there are no accounts, and every client may do everything. */
export function createOpenPolicy(facts: ReadFacts): Policy {
  return {
    covers: () => true,
    recheckPermission: async (grant, name) => ({ grant, repository: await facts.get(name) }),
    allows: () => true,
    actor: ({ peer }) => openActor(peer),
    mayRead: () => Promise.resolve(true),
    isPublic: () => true,
    visibilityFor: () => ({ kind: "everything" }),
  };
}

/** Decides by the grant. Without a grant for a repository, the client does not learn whether it exists. */
export function createPolicy(parts: {
  readonly facts: ReadFacts;
  readonly permissionReader: Pick<PermissionReader, "actions">;
}): Policy {
  const { facts, permissionReader } = parts;
  const isGranted = (grant: Grant, repository: RepositoryFacts, actions: readonly Action[]) => {
    const granted = grant.actions.get(repository.name);
    if (granted === undefined || !actions.every((action) => granted.has(action))) return false;
    return repository.removal <= grant.removals && !needsRecheck(grant, repository);
  };
  const needsRecheck = ({ absent }: Grant, { name, isThere }: RepositoryFacts): boolean =>
    isThere && absent.has(name);

  const covers = ({ actions }: Grant, name: RepositoryName): boolean => actions.has(name);

  const recheckPermission = async (grant: Grant, name: RepositoryName): Promise<CurrentGrant> => {
    if (!covers(grant, name)) return { grant, repository: undefined };
    const repository = await facts.get(name);
    if (!needsRecheck(grant, repository)) return { grant, repository };
    const held = (await permissionReader.actions(grant.principal, [name])).get(name);
    const granted = grant.actions.get(name) ?? new Set();
    const left = new Set([...granted].filter((action) => held?.has(action)));
    const absent = new Set([...grant.absent].filter((other) => other !== name));
    const rechecked = { ...grant, actions: new Map(grant.actions).set(name, left), absent };
    return { grant: rechecked, repository: await facts.get(name) };
  };

  return {
    covers,
    recheckPermission,
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
    async mayRead(asking, name) {
      const { grant, repository = await facts.get(name) } = await recheckPermission(asking, name);
      if (isGranted(grant, repository, ["pull"]) || repository.isPublic) return true;
      if (!grant.live) return false;
      const live = await permissionReader.actions(grant.principal, [name]);
      return live.get(name)?.has("pull") ?? false;
    },
    isPublic: ({ isPublic }) => isPublic,
    visibilityFor: ({ principal }) => visibleTo(principal),
  };
}
