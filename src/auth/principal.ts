import type { RepositoryName } from "../oci/name.ts";
import type { Principal } from "../database/permissions/identity.ts";
import type { Action } from "../database/permissions/repository-rules.ts";

export type { Principal };

/** What may be done where; a name that is missing has nothing. */
export type GrantedActions = ReadonlyMap<RepositoryName, ReadonlySet<Action>>;

/** Who a request comes from, with what has been granted to them. */
export interface Grant {
  readonly principal: Principal;
  readonly access: GrantedActions;
  /** Whether they may list repositories; which ones they see is another question. */
  readonly catalog: boolean;
  /** The highest number of a removal when this was granted: nothing is open that was removed since. */
  readonly removals: number;
  /** Of the names in `access` those of which there was no repository when this was granted. */
  readonly absent: ReadonlySet<RepositoryName>;
  /** Asked with credentials instead of a token: `access` speaks of this request's repository only, others have to be asked for. */
  readonly live: boolean;
  /** When the token ends that this was read from; `undefined`: there is none. */
  readonly expiresAtMs: number | undefined;
}

/** Nobody that we know. */
export const anonymous: Grant = {
  principal: { kind: "anonymous" },
  access: new Map(),
  catalog: false,
  removals: 0,
  absent: new Set(),
  live: false,
  expiresAtMs: undefined,
};

/** Id of the caller's account. */
export const accountIdOf = ({ principal }: Grant): number | null =>
  principal.kind === "anonymous" ? null : principal.accountId;
