import type { Metadata } from "../database/database.ts";
import type { RightsFacts } from "../database/permissions/facts.ts";
import type { Identity } from "../database/permissions/identity.ts";
import { actionsFor, type Action } from "../database/permissions/repository-rules.ts";
import type { Visibility } from "../database/schema.ts";
import { namespaceOf, type RepositoryName } from "../oci/name.ts";
import type { Access } from "./principal.ts";

export interface Rights {
  /**
   * What an identity may do, as the database says at this moment: every name has an entry, maybe an empty one. A
   * repository that is not there may be pushed to by who may create it. A disabled account has nothing.
   */
  of(identity: Identity, names: readonly RepositoryName[]): Promise<Access>;
  /** The same, and of which of the names there is no repository. */
  standing(identity: Identity, names: readonly RepositoryName[]): Promise<Standing>;
}

export interface Standing {
  readonly access: Access;
  readonly absent: ReadonlySet<RepositoryName>;
}

/** By namespace. */
export type MirrorVisibility = ReadonlyMap<string, Visibility>;

export function createRights(parts: {
  readonly metadata: Pick<Metadata, "rights">;
  /** `repositories.createOnPush`. */
  readonly createOnPush: boolean;
  /** Namespaces of mirrors, which fill by being pulled from: who may pull from what is not there yet. */
  readonly mirrors?: MirrorVisibility | undefined;
}): Rights {
  const { metadata, createOnPush, mirrors = new Map() } = parts;

  const standing: Rights["standing"] = async (identity, names) => {
    if (names.length === 0) return { access: new Map(), absent: new Set() };
    const accountId = identity.kind === "anonymous" ? undefined : identity.accountId;
    const facts = await metadata.rights.facts(accountId, names);
    const isGone = facts.account === undefined || facts.account.disabled;
    const isClosed = identity.kind !== "anonymous" && isGone;
    const judge = actionsFor(identity, facts, createOnPush);
    const opens = (name: RepositoryName): boolean => {
      const visibility = mirrors.get(namespaceOf(name));
      if (visibility === undefined) return false;
      return visibility === "public" || isMember(identity, facts, name);
    };
    // A mirror's repository that comes with the first pull is the one that was meant.
    const isAbsent = (name: RepositoryName): boolean =>
      !facts.repositories.has(name) && !mirrors.has(namespaceOf(name));
    return {
      access: new Map(
        names.map((name) => [name, !isClosed && opens(name) ? withPull(judge(name)) : judge(name)]),
      ),
      absent: new Set(names.filter(isAbsent)),
    };
  };
  return {
    standing,
    of: async (identity, names) => (await standing(identity, names)).access,
  };
}

/** Whether a private mirror is open to somebody: to every member of the organisation that has its name. */
function isMember(identity: Identity, { roles }: RightsFacts, name: RepositoryName): boolean {
  return (
    identity.kind === "user" &&
    identity.scope !== "repo:public_read" &&
    roles.has(namespaceOf(name))
  );
}

const withPull = (actions: ReadonlySet<Action>): ReadonlySet<Action> =>
  new Set<Action>([...actions, "pull"]);
