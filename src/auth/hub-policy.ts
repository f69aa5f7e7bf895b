import type { Metadata } from "../metadata/metadata.ts";
import type { NamespaceView } from "../metadata/repository-pages.ts";
import { defaultNamespace, namespaceOf, type RepositoryName } from "../oci/name.ts";
import {
  organisationDeeds,
  repositoryDeeds,
  type OrganisationDeed,
  type OrganisationRule,
  type RepositoryDeed,
  type RepositoryRule,
} from "./hub-deeds.ts";
import { viewerOf, type Viewer } from "./catalog.ts";
import type { PersonalScope } from "./identity.ts";
import { capLevel, userLevel } from "./rights.ts";
import type { Session } from "./sessions.ts";
import { opensPath } from "./token-resources.ts";

/** What a call of the Hub-shaped API needs from whoever makes it. */
export type HubNeed =
  /** Nothing; lists show only what the caller may see. */
  | { readonly of: "nobody" }
  /** To have logged in; what may be done shows only in the body of the call. */
  | { readonly of: "session" }
  /** To be a user. */
  | { readonly of: "user" }
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

/** What somebody may do with a repository that they see; nothing where they do not. */
export interface Standing {
  readonly read: boolean;
  readonly write: boolean;
  readonly admin: boolean;
}

export interface HubPolicy {
  /** @param target of what the need speaks: a repository, a namespace, or an account */
  judge(
    session: Session | undefined,
    need: HubNeed,
    target: { readonly repository?: RepositoryName; readonly namespace?: string },
  ): Promise<Verdict>;
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
    standing: async () => ({ read: true, write: true, admin: true }),
    visible: async (_, names) => new Set(names),
    viewOf: async () => ({ kind: "all" }),
    viewerFor: () => ({ kind: "everything" }),
  };
}

const needsAccount = (need: HubNeed): boolean =>
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

const changesContents = (need: HubNeed): boolean =>
  need.of === "namespace" ||
  (need.of === "repository" && (need.deed === "move tags" || need.deed === "fix tags"));

/** A personal access token takes from what its owner may do to organisations, too. */
const mayRead = (scope: PersonalScope | undefined): boolean => scope !== "repo:public_read";
const mayChange = (scope: PersonalScope | undefined): boolean =>
  scope === undefined || scope === "repo:admin";

export function createHubPolicy(parts: {
  readonly metadata: Pick<Metadata, "rights" | "memberships" | "accounts">;
}): HubPolicy {
  const { metadata } = parts;

  const facts = async (session: Session | undefined, names: readonly RepositoryName[]) => {
    const identity = session?.identity;
    const found = await metadata.rights.facts(identity?.accountId, names);
    return (name: RepositoryName) => {
      const isPublic = found.repositories.get(name)?.visibility === "public";
      const isThere = found.repositories.has(name);
      const level =
        identity?.kind === "user" && isThere
          ? capLevel(userLevel(found, name), identity.scope)
          : "none";
      const opened =
        identity?.kind === "organisation" && identity.name === namespaceOf(name)
          ? identity.resources
              .filter(({ type, path }) => type === "TYPE_REPO" && opensPath(path, name))
              .flatMap(({ scopes }) => scopes)
          : [];
      const allows = (rule: RepositoryRule): boolean => {
        if (rule.level === "public" && isPublic) return true;
        if (identity?.kind === "organisation")
          return isThere && rule.scopes.some((scope) => opened.includes(scope));
        return reaches(level, rule.level === "public" ? "read" : rule.level);
      };
      return { isThere, allows, level, opened };
    };
  };

  const ofRepository = async (
    session: Session | undefined,
    deed: RepositoryDeed,
    name: RepositoryName,
  ): Promise<Verdict> => {
    const rule = repositoryDeeds[deed];
    // Before anything is looked up: what is missing and what is hidden get the same answer.
    if (session === undefined && rule.level !== "public") return "login";
    const { allows, isThere } = (await facts(session, [name]))(name);
    if (!isThere || !allows(repositoryDeeds.see)) return "unknown";
    return allows(rule) ? "allowed" : "forbidden";
  };

  const ofNamespace = async (
    { identity }: Session,
    namespace: string,
  ): Promise<"allowed" | "unknown" | "forbidden"> => {
    const isAllowed = await (async () => {
      if (identity.kind === "organisation")
        return identity.name === namespace && hasScope(identity, ["scope-repository-create"]);
      if (!mayChange(identity.scope)) return false;
      if (identity.isAdmin || identity.name === namespace) return true;
      const role = await metadata.memberships.roleIn(namespace, identity.accountId);
      return role === "owner" || role === "editor";
    })();
    if (isAllowed) return "allowed";
    return (await metadata.accounts.find(namespace)) === undefined ? "unknown" : "forbidden";
  };

  const ofOrganisation = async (
    { identity, byPassword }: Session,
    deed: OrganisationDeed,
    name: string,
  ): Promise<Verdict> => {
    const rule: OrganisationRule = organisationDeeds[deed];
    if ((await metadata.accounts.find(name))?.kind !== "organisation") return "unknown";
    if (rule.password && !byPassword) return "forbidden";
    if (identity.kind === "organisation")
      return identity.name === name && hasScope(identity, rule.scopes) ? "allowed" : "forbidden";
    const { scope, accountId, isAdmin } = identity;
    if (!(rule.role === "owner" ? mayChange(scope) : mayRead(scope))) return "forbidden";
    const role = isAdmin ? "owner" : await metadata.memberships.roleIn(name, accountId);
    const isEnough = rule.role === "owner" ? role === "owner" : role !== undefined;
    return isEnough ? "allowed" : "forbidden";
  };

  const ofAccount = async ({ identity }: Session, name: string): Promise<Verdict> => {
    if (identity.kind === "organisation")
      return identity.name === name && hasScope(identity, ["scope-activity-read"])
        ? "allowed"
        : "forbidden";
    const { scope, accountId, isAdmin } = identity;
    if (!mayChange(scope)) return "forbidden";
    const isOwn =
      isAdmin ||
      identity.name === name ||
      (await metadata.memberships.roleIn(name, accountId)) === "owner";
    if (isOwn) return "allowed";
    return (await metadata.accounts.find(name)) === undefined ? "unknown" : "forbidden";
  };

  return {
    async judge(session, need, { repository, namespace = "" }) {
      if (need.of === "nobody") return "allowed";
      if (need.of === "repository")
        return repository === undefined ? "unknown" : ofRepository(session, need.deed, repository);
      if (session === undefined) return "login";
      switch (need.of) {
        case "session":
          return "allowed";
        case "user":
          return session.identity.kind === "user" ? "allowed" : "forbidden";
        case "password":
          return session.byPassword ? "allowed" : "forbidden";
        case "namespace":
          return ofNamespace(session, namespace);
        case "organisation":
          return ofOrganisation(session, need.deed, namespace);
        case "account":
          return ofAccount(session, namespace);
      }
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
        if (identity.name !== namespace || !hasScope(identity, ["scope-repository-list"]))
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

const ranks = { none: 0, read: 1, write: 2, admin: 3 } as const;
const reaches = (level: keyof typeof ranks, wanted: keyof typeof ranks): boolean =>
  ranks[level] >= ranks[wanted];

function hasScope(
  { resources }: Extract<Session["identity"], { kind: "organisation" }>,
  wanted: readonly string[],
): boolean {
  return resources.some(
    ({ type, scopes }) => type === "TYPE_ORG" && scopes.some((scope) => wanted.includes(scope)),
  );
}
