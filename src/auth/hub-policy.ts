import type { Database } from "../database/contract.ts";
import { clientActor, openActor, type Actor } from "../database/permissions/authority.ts";
import { repositoryPermissions } from "../database/permissions/hub-permissions.ts";
import {
  authorizeByFacts,
  authorizeByPrincipal,
  viewOfRepository,
  type HubPermission,
  type HubTarget,
  type Decision,
} from "../database/permissions/hub-rules.ts";
import { reaches } from "../database/permissions/repository-rules.ts";
import type { NamespaceView } from "../database/catalog/namespace-pages.ts";
import { namespaceOf, type RepositoryName } from "../oci/name.ts";
import { viewOfNamespace, visibleTo, type VisibilityFilter } from "./visibility.ts";
import type { Session } from "./sessions.ts";

export type { HubPermission, HubTarget, Decision };

/** Permissions of a session on a repository. All are false if the session does not see the repository. */
export interface RepositoryPermissions {
  readonly read: boolean;
  readonly write: boolean;
  readonly admin: boolean;
}

export interface HubPolicy {
  /**
   * Decides whether the session has the permission.
   * @param target the repository, namespace or account that the permission is for
   */
  authorize(
    session: Session | undefined,
    permission: HubPermission,
    target: HubTarget,
  ): Promise<Decision>;
  /** The actor of the commands of a request that {@link authorize} allowed. */
  actor(
    session: Session | undefined,
    permission: HubPermission,
    target: HubTarget & { readonly peer: string },
  ): Actor;
  repositoryPermissions(
    session: Session | undefined,
    repository: RepositoryName,
  ): Promise<RepositoryPermissions>;
  /** The subset of `names` that the session sees. */
  visible(
    session: Session | undefined,
    names: readonly RepositoryName[],
  ): Promise<ReadonlySet<RepositoryName>>;
  /** The repositories of a namespace that the session sees. */
  viewOf(session: Session | undefined, namespace: string): Promise<NamespaceView>;
  /** The repositories that a search or a list of all repositories may return. */
  visibilityFor(session: Session | undefined): VisibilityFilter;
}

/**
 * `auth.open`: every client is anonymous and may change images. Accounts, organisations, their tokens and permissions
 * need a login: otherwise a permission that is granted in open mode would stay valid after `auth.open` is turned off.
 */
export function createOpenHubPolicy(): HubPolicy {
  return {
    authorize: async (_, permission) => (requiresAccount(permission) ? "login" : "allowed"),
    actor: (_, __, { peer }) => openActor(peer),
    repositoryPermissions: async () => ({ read: true, write: true, admin: true }),
    visible: async (_, names) => new Set(names),
    viewOf: async () => ({ kind: "all" }),
    visibilityFor: () => ({ kind: "everything" }),
  };
}

const accountPermissions: ReadonlySet<string> = new Set([
  ...["see teams", "admit teams", "see access", "change access"],
  // Everyone could make the server call any address.
  "manage webhooks",
]);

const requiresAccount = (permission: HubPermission): boolean =>
  permission.of === "repository"
    ? accountPermissions.has(permission.permission)
    : permission.of !== "anyone" && permission.of !== "namespace";

/**
 * A mirror has the content of its upstream, as on the registry's own paths. A client cannot create a repository in its
 * namespace, move a tag, make a tag immutable or set its retention; it may delete cached content.
 */
export function denyHubChangesToMirrored(
  policy: HubPolicy,
  mirrors: Pick<ReadonlySet<string>, "has">,
): HubPolicy {
  return {
    ...policy,
    async authorize(session, permission, target) {
      const decision = await policy.authorize(session, permission, target);
      if (decision !== "allowed" || !changesContents(permission)) return decision;
      const { repository, namespace = "" } = target;
      const home = repository === undefined ? namespace : namespaceOf(repository);
      return mirrors.has(home) ? "forbidden" : decision;
    },
  };
}

const changesContents = (permission: HubPermission): boolean =>
  permission.of === "namespace" ||
  (permission.of === "repository" &&
    ["move tags", "fix tags", "set retention"].includes(permission.permission));

export function createHubPolicy(parts: {
  readonly database: Pick<Database, "repositoryPermissions" | "memberships" | "permissions">;
}): HubPolicy {
  const { database } = parts;

  const facts = async (session: Session | undefined, names: readonly RepositoryName[]) => {
    const principal = session?.principal;
    const found = await database.repositoryPermissions.facts(principal?.accountId, names);
    return (name: RepositoryName) => viewOfRepository(principal, found, name);
  };

  return {
    async authorize(session, permission, target) {
      const principal = session?.principal;
      const known = authorizeByPrincipal(principal, permission, target);
      if (known !== undefined) return known;
      const { accountId, accessToken } = principal ?? {};
      const found = await database.permissions.facts(accountId, accessToken, target);
      return authorizeByFacts(principal, permission, target, found);
    },

    actor(session, permission, { peer, ...target }) {
      const { principal = { kind: "anonymous" }, sinceMs: passwordAtMs } = session ?? {};
      return clientActor({ principal, peer, permission, target, passwordAtMs });
    },

    async repositoryPermissions(session, repository) {
      const { allows, role, scopes } = (await facts(session, [repository]))(repository);
      return {
        read: allows(repositoryPermissions.see),
        write:
          reaches(role, "write") ||
          scopes.includes("scope-image-push") ||
          scopes.includes("scope-image-delete"),
        admin: allows(repositoryPermissions.remove),
      };
    },

    async visible(session, names) {
      if (names.length === 0) return new Set();
      const of = await facts(session, names);
      return new Set(
        names.filter((name) => of(name).isThere && of(name).allows(repositoryPermissions.see)),
      );
    },

    viewOf: (session, namespace) =>
      viewOfNamespace(database.memberships, session?.principal, namespace),

    visibilityFor: (session) => visibleTo(session?.principal ?? { kind: "anonymous" }),
  };
}
