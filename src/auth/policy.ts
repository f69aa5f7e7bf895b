import type { RepositoryFacts } from "../database/sqlite/repository-cache.ts";
import type { RepositoryName } from "../oci/name.ts";
import { clientActor, openActor, type Actor } from "../database/permissions/authority.ts";
import { NotAuthorizedError } from "../database/permissions/check.ts";
import type { Action } from "../database/permissions/repository-rules.ts";
import type { Caller } from "./principal.ts";
import { viewerOf, type Viewer } from "./visibility.ts";
import type { Rights } from "./permissions.ts";

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
  recheckPermission(caller: Caller, repository: RepositoryName): Caller | Promise<Caller>;
  /** Decided at once, from what was granted to the caller and what is known of the repository. */
  allows(request: {
    readonly caller: Caller;
    readonly permission: Permission;
    readonly repository: RepositoryName | undefined;
  }): boolean;
  /** The caller that {@link allows} has let in, as the actor of a command. */
  actor(request: {
    readonly caller: Caller;
    readonly permission: Permission;
    readonly repository: RepositoryName | undefined;
    readonly peer: string;
  }): Actor;
  /** Whether the caller may read a repository besides the one that the request is about. */
  mayRead(caller: Caller, repository: RepositoryName): boolean | Promise<boolean>;
  /** Whether anybody may read it, so that caches between us and the caller may keep what is read. */
  isPublic(repository: RepositoryName): boolean;
  /** Whose list of repositories the caller sees. */
  viewerFor(caller: Caller): Viewer;
}

/** `auth.open`: there are no accounts, and everybody may do everything. */
export function createOpenPolicy(): Policy {
  return {
    recheckPermission: (caller) => caller,
    allows: () => true,
    actor: ({ peer }) => openActor(peer),
    mayRead: () => true,
    isPublic: () => true,
    viewerFor: () => ({ kind: "everything" }),
  };
}

/** Grants decide; whoever has none for a repository learns nothing about it, not even whether it is there. */
export function createPolicy(parts: {
  readonly factsOf: (
    repository: RepositoryName,
  ) => Pick<RepositoryFacts, "isThere" | "isPublic" | "removal">;
  readonly rights: Pick<Rights, "of">;
}): Policy {
  const { factsOf, rights } = parts;
  const isGranted = (caller: Caller, repository: RepositoryName, actions: readonly Action[]) => {
    const granted = caller.access.get(repository);
    if (granted === undefined || !actions.every((action) => granted.has(action))) return false;
    return factsOf(repository).removal <= caller.removals && !needsRecheck(caller, repository);
  };
  const needsRecheck = ({ absent }: Caller, repository: RepositoryName): boolean =>
    absent.has(repository) && factsOf(repository).isThere;

  const recheckPermission = async (caller: Caller, repository: RepositoryName): Promise<Caller> => {
    const held = (await rights.of(caller.identity, [repository])).get(repository);
    const granted = caller.access.get(repository) ?? new Set();
    const left = new Set([...granted].filter((action) => held?.has(action)));
    const absent = new Set([...caller.absent].filter((name) => name !== repository));
    return { ...caller, access: new Map(caller.access).set(repository, left), absent };
  };

  return {
    recheckPermission: (caller, repository) =>
      needsRecheck(caller, repository) ? recheckPermission(caller, repository) : caller,
    allows({ caller, permission, repository }) {
      switch (permission.kind) {
        case "none":
        case "access":
        case "browse":
          return true;
        case "catalog":
          return caller.catalog;
        case "repository":
          return repository !== undefined && isGranted(caller, repository, permission.actions);
      }
    },
    actor({ caller, permission, repository, peer }) {
      const { identity, removals, expiresAtMs } = caller;
      const actions = permission.kind === "repository" ? permission.actions : [];
      const need = { of: "registry", actions } as const;
      return clientActor({
        ...{ identity, peer, need, removals, expiresAtMs },
        target: { repository },
      });
    },
    async mayRead(asking, repository) {
      const caller = needsRecheck(asking, repository)
        ? await recheckPermission(asking, repository)
        : asking;
      if (isGranted(caller, repository, ["pull"]) || factsOf(repository).isPublic) return true;
      if (!caller.live) return false;
      const live = await rights.of(caller.identity, [repository]);
      return live.get(repository)?.has("pull") ?? false;
    },
    isPublic: (repository) => factsOf(repository).isPublic,
    viewerFor: ({ identity }) => viewerOf(identity),
  };
}
