import type { RepositoryName } from "../oci/name.ts";
import type { Principal } from "../database/permissions/principal.ts";
import type { Action } from "../database/permissions/repository-rules.ts";

export type { Principal };

/** Allowed actions by repository; a missing name has none. */
export type GrantedActions = ReadonlyMap<RepositoryName, ReadonlySet<Action>>;

/** The principal of a request with the actions that its token or its credentials grant. */
export interface Grant {
  readonly principal: Principal;
  readonly actions: GrantedActions;
  /** Whether the principal may list repositories. The `VisibilityFilter` selects the repositories. */
  readonly catalog: boolean;
  /**
   * The highest removal number when the grant was issued. The grant is void for a repository that was removed later.
   */
  readonly removals: number;
  /** The names in `actions` that had no repository when the grant was issued. */
  readonly absent: ReadonlySet<RepositoryName>;
  /**
   * The client sent credentials instead of a token: `actions` has only the repository of this request; others are read
   * from the database.
   */
  readonly live: boolean;
  /** When the token expires; `undefined`: the grant does not come from a token. */
  readonly expiresAtMs: number | undefined;
}

/** The grant of a client without credentials. */
export const anonymous: Grant = {
  principal: { kind: "anonymous" },
  actions: new Map(),
  catalog: false,
  removals: 0,
  absent: new Set(),
  live: false,
  expiresAtMs: undefined,
};

/** The name of the principal's account; empty for an anonymous client. */
export const nameOf = ({ principal }: Grant): string =>
  principal.kind === "anonymous" ? "" : principal.name;

/** The id of the principal's account; null for an anonymous client. */
export const accountIdOf = ({ principal }: Grant): number | null =>
  principal.kind === "anonymous" ? null : principal.accountId;
