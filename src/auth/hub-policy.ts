import type { Metadata } from "../database/database.ts";
import { clientActor, openActor, type Actor } from "../database/permissions/authority.ts";
import { repositoryDeeds } from "../database/permissions/hub-permissions.ts";
import {
  judgeByFacts,
  judgeByIdentity,
  mayRead,
  viewOfRepository,
  type RoutePermission,
  type HubTarget,
  type Verdict,
} from "../database/permissions/hub-rules.ts";
import { hasScope, reaches } from "../database/permissions/repository-rules.ts";
import type { NamespaceView } from "../database/catalog/repository-pages.ts";
import { defaultNamespace, namespaceOf, type RepositoryName } from "../oci/name.ts";
import { viewerOf, type Viewer } from "./visibility.ts";
import type { Session } from "./sessions.ts";

export type { RoutePermission, HubTarget, Verdict };

/** What somebody may do with a repository that they see; nothing where they do not. */
export interface Standing {
  readonly read: boolean;
  readonly write: boolean;
  readonly admin: boolean;
}

export interface HubPolicy {
  /** @param target of what the need speaks: a repository, a namespace, or an account */
  judge(session: Session | undefined, need: RoutePermission, target: HubTarget): Promise<Verdict>;
  /** Somebody whom {@link judge} has let in, as the actor of a command. */
  actor(
    session: Session | undefined,
    need: RoutePermission,
    target: HubTarget & { readonly peer: string },
  ): Actor;
  standing(session: Session | undefined, repository: RepositoryName): Promise<Standing>;
  /** Those of the names that the caller sees. */
  visible(
    session: Session | undefined,
    names: readonly RepositoryName[],
  ): Promise<ReadonlySet<RepositoryName>>;
  viewOf(session: Session | undefined, namespace: string): Promise<NamespaceView>;
  /** Whose repositories a search or a list of all of them may show. */
  viewerFor(session: Session | undefined): Viewer;
}

/**
 * `auth.open`: nobody is known, and everybody may do what changes images. Accounts, organisations, their tokens, and what
 * gives anyone rights need a login: otherwise a right that was taken in open mode would hold after accounts are needed again.
 */
export function createOpenHubPolicy(): HubPolicy {
  return {
    judge: async (_, need) => (needsAccount(need) ? "login" : "allowed"),
    actor: (_, __, { peer }) => openActor(peer),
    standing: async () => ({ read: true, write: true, admin: true }),
    visible: async (_, names) => new Set(names),
    viewOf: async () => ({ kind: "all" }),
    viewerFor: () => ({ kind: "everything" }),
  };
}

const needsAccount = (need: RoutePermission): boolean =>
  need.of === "repository"
    ? need.deed === "see teams" || need.deed === "admit teams"
    : need.of !== "nobody" && need.of !== "namespace";

/**
 * A mirror holds what its upstream has, as on the registry's own paths: nothing is made in its namespace, no tag of it is
 * moved, or kept from moving. What is here of it may be removed.
 */
export function keepingMirrors(policy: HubPolicy, mirrors: ReadonlySet<string>): HubPolicy {
  return {
    ...policy,
    async judge(session, need, target) {
      const verdict = await policy.judge(session, need, target);
      if (verdict !== "allowed" || !changesContents(need)) return verdict;
      const { repository, namespace = "" } = target;
      const home = repository === undefined ? namespace : namespaceOf(repository);
      return mirrors.has(home) ? "forbidden" : verdict;
    },
  };
}

const changesContents = (need: RoutePermission): boolean =>
  need.of === "namespace" ||
  (need.of === "repository" && (need.deed === "move tags" || need.deed === "fix tags"));

export function createHubPolicy(parts: {
  readonly metadata: Pick<Metadata, "rights" | "memberships" | "permissions">;
}): HubPolicy {
  const { metadata } = parts;

  const facts = async (session: Session | undefined, names: readonly RepositoryName[]) => {
    const identity = session?.identity;
    const found = await metadata.rights.facts(identity?.accountId, names);
    return (name: RepositoryName) => viewOfRepository(identity, found, name);
  };

  return {
    async judge(session, need, target) {
      const identity = session?.identity;
      const known = judgeByIdentity(identity, need, target);
      if (known !== undefined) return known;
      const { accountId, accessToken } = identity ?? {};
      const found = await metadata.permissions.facts(accountId, accessToken, target);
      return judgeByFacts(identity, need, target, found);
    },

    actor(session, need, { peer, ...target }) {
      const { identity = { kind: "anonymous" }, sinceMs: passwordAtMs } = session ?? {};
      return clientActor({ identity, peer, need, target, passwordAtMs });
    },

    async standing(session, repository) {
      const { allows, level, opened } = (await facts(session, [repository]))(repository);
      return {
        read: allows(repositoryDeeds.see),
        write:
          reaches(level, "write") ||
          opened.includes("scope-image-push") ||
          opened.includes("scope-image-delete"),
        admin: allows(repositoryDeeds.remove),
      };
    },

    async visible(session, names) {
      if (names.length === 0) return new Set();
      const of = await facts(session, names);
      return new Set(
        names.filter((name) => of(name).isThere && of(name).allows(repositoryDeeds.see)),
      );
    },

    async viewOf(session, namespace) {
      const identity = session?.identity;
      if (identity === undefined) return { kind: "public" };
      if (identity.kind === "organisation") {
        if (identity.name !== namespace || !hasScope(identity.resources, ["scope-repository-list"]))
          return { kind: "public" };
        const paths = identity.resources
          .filter(({ type }) => type === "TYPE_REPO")
          .filter(({ scopes }) => scopes.some((one) => isOneOf(one, repositoryDeeds.see.scopes)))
          .map(({ path }) => path);
        return { kind: "paths", paths };
      }
      const { scope, isAdmin, accountId, name } = identity;
      if (!mayRead(scope)) return { kind: "public" };
      if (isAdmin || name === namespace) return { kind: "all" };
      if (namespace === defaultNamespace) return { kind: "granted", userId: accountId };
      const role = await metadata.memberships.roleIn(namespace, accountId);
      return role === "owner" ? { kind: "all" } : { kind: "granted", userId: accountId };
    },

    viewerFor: (session) => viewerOf(session?.identity ?? { kind: "anonymous" }),
  };
}

const isOneOf = (scope: string, scopes: readonly string[]): boolean => scopes.includes(scope);
