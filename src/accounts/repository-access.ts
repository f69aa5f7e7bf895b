import type {
  AccessReason,
  AccessTarget,
  PersonWithAccess,
} from "../database/accounts/repository-access.ts";
import type { RepositoryRole } from "../database/accounts/schema.ts";
import type { Database } from "../database/contract.ts";
import { namespaceOf, type RepositoryName } from "../oci/name.ts";
import { windowOf, type Listing, type NumberedPage } from "../oci/page.ts";
import { noRepository, unknownAccount } from "./errors.ts";

export interface Reason extends Pick<AccessReason, "team" | "permission"> {
  /** `public`: everyone may pull from a public repository. */
  readonly kind: AccessReason["kind"] | "public";
}

/** The permission of a user on a repository: the highest of its reasons. */
export interface Access {
  readonly name: string;
  readonly fullName: string;
  readonly permission: RepositoryRole | "none";
  readonly isDisabled: boolean;
  readonly reasons: readonly Reason[];
}

const ranks: Readonly<Record<Access["permission"], number>> = {
  none: 0,
  read: 1,
  write: 2,
  admin: 3,
};
/** Teams with a permission in one answer. */
const teamsAtMost = 500;
/** Reasons of one user in one answer, the highest permission first: a user may be in many teams. */
const reasonsOfUser = 50;

export type RepositoryAccess = ReturnType<typeof createRepositoryAccess>;

/** Who has which permission on a repository, and why. Methods throw AccountError. */
export function createRepositoryAccess(parts: {
  readonly database: Pick<Database, "repositories" | "repositoryAccess" | "accounts">;
}) {
  const { database } = parts;

  const find = async (name: RepositoryName) => {
    const found = await database.repositories.find(name);
    if (found === undefined) throw noRepository(name);
    const target: AccessTarget = { repositoryId: found.id, namespace: namespaceOf(name) };
    return { target, isPublic: found.visibility === "public" };
  };

  const accessOf = async (
    target: AccessTarget,
    people: readonly PersonWithAccess[],
  ): Promise<readonly Access[]> => {
    const ids = people.map(({ id }) => id);
    const reasons = await database.repositoryAccess.reasons(target, ids, reasonsOfUser);
    return people.map(({ id, name, fullName }) =>
      accessBy(
        { name, fullName, isDisabled: false },
        reasons.filter(({ userId }) => userId === id),
      ),
    );
  };

  return {
    /** The users with a permission, by name, without that of everyone on a public repository. */
    async list(
      repository: RepositoryName,
      asked: NumberedPage & { readonly search?: string | undefined },
    ): Promise<Listing<Access> & { readonly isPublic: boolean }> {
      const { target, isPublic } = await find(repository);
      const { search } = asked;
      const count = await database.repositoryAccess.countPeople(target, search);
      const people = await database.repositoryAccess.people(target, {
        search,
        ...windowOf(asked),
      });
      return { isPublic, count, items: await accessOf(target, people) };
    },

    /** The teams with a permission, by name; at most 500. */
    async teams(repository: RepositoryName) {
      const { target } = await find(repository);
      return database.repositoryAccess.teams(target.repositoryId, teamsAtMost);
    },

    async of(repository: RepositoryName, user: string): Promise<Access> {
      const { target, isPublic } = await find(repository);
      const account = await database.accounts.find(user.toLowerCase());
      if (account?.kind !== "user") throw unknownAccount("user", user);
      const { name, fullName, disabled: isDisabled } = account;
      if (isDisabled) return accessBy({ name, fullName, isDisabled }, []);
      const reasons = await database.repositoryAccess.reasons(target, [account.id], reasonsOfUser);
      const ofEveryone = { kind: "public", team: null, permission: "read" } as const;
      return accessBy({ name, fullName, isDisabled }, [
        ...reasons,
        ...(isPublic ? [ofEveryone] : []),
      ]);
    },
  };
}

function accessBy(
  user: Pick<Access, "name" | "fullName" | "isDisabled">,
  reasons: readonly Reason[],
): Access {
  const highestFirst = reasons
    .toSorted((a, b) => ranks[b.permission] - ranks[a.permission])
    .map(({ kind, team, permission }) => ({ kind, team, permission }));
  const [highest] = highestFirst;
  return {
    ...user,
    permission: highest?.permission ?? "none",
    reasons: highestFirst.slice(0, reasonsOfUser),
  };
}
