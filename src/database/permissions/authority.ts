import type { HubPermission, HubTarget } from "./hub-rules.ts";
import type { Principal, ShownCredential } from "./principal.ts";
import type { Action } from "./repository-rules.ts";

/*
 * The actor of a change and its authority. A command for a client takes an actor; the writer checks its authority on
 * the rows of the command's own transaction before the command runs (`check.ts`). Only the functions below create an
 * actor; `test/database/permissions/authority.test.ts` lists their allowed callers.
 */

declare const authorized: unique symbol;

/** Why the actor may make the change. Plain data, since it crosses threads and processes. */
type Authority = { readonly kind: "system" } | { readonly kind: "open" } | ClientAuthority;

export interface ClientAuthority extends ShownCredential {
  readonly kind: "client";
  /** `undefined`: anonymous. */
  readonly accountId: number | undefined;
  /** When the bearer token expires; `undefined`: not checked. */
  readonly expiresAtMs: number | undefined;
  readonly permission: ClientPermission;
  readonly target: HubTarget;
  /**
   * The highest removal number that the client's grant covers. The command is forbidden if the repository was removed
   * later; `undefined`: not checked.
   */
  readonly removals: number | undefined;
}

/** The permission that the route of the request declares. */
type ClientPermission =
  | HubPermission
  | { readonly of: "registry"; readonly actions: readonly Action[] };

/** The author of a change, for the audit row. */
export interface Actor {
  /** `null`: anonymous, open mode, or a system actor. */
  readonly accountId: number | null;
  /** Name of the account; empty for an anonymous client, `berth` or `mirror` for a system actor. */
  readonly name: string;
  /** The client's address; empty if there is none. */
  readonly peer: string;
  readonly authority: Authority & { readonly [authorized]: true };
}

/** Id of the access token of the client; `undefined`: a password, an anonymous client, or no client. */
export const accessTokenOf = ({ authority }: Actor): string | undefined =>
  authority.kind === "client" ? authority.accessToken : undefined;

const authorityOf = (authority: Authority): Actor["authority"] => authority as Actor["authority"];

/** No account may have one of these names: it would appear as the author of these actors' changes. */
const systemActorNames = ["berth", "mirror"] as const;

export const isSystemActorName = (name: string): boolean =>
  systemActorNames.some((one) => one === name);

/**
 * The actor of the command line (`berth`) or of a mirror (`mirror`). It acts for no client and is always authorized.
 */
export const systemActor = (name: (typeof systemActorNames)[number]): Actor => ({
  accountId: null,
  name,
  peer: "",
  authority: authorityOf({ kind: "system" }),
});

/** A client of a registry without accounts (`auth.open`). */
export const openActor = (peer: string): Actor => ({
  accountId: null,
  name: "",
  peer,
  authority: authorityOf({ kind: "open" }),
});

/**
 * A client whose request has just been authorized. The same permission is checked again in the command's transaction.
 */
export function clientActor(given: {
  readonly principal: Principal;
  readonly peer: string;
  readonly permission: ClientPermission;
  readonly target: HubTarget;
  readonly passwordAtMs?: number | undefined;
  readonly expiresAtMs?: number | undefined;
  readonly removals?: number | undefined;
}): Actor {
  const { principal, peer, permission, target, passwordAtMs, expiresAtMs, removals } = given;
  const isKnown = principal.kind !== "anonymous";
  const authority: ClientAuthority = {
    kind: "client",
    permission,
    target,
    passwordAtMs,
    expiresAtMs,
    removals,
    accountId: isKnown ? principal.accountId : undefined,
    accessToken: isKnown ? principal.accessToken : undefined,
  };
  return {
    accountId: isKnown ? principal.accountId : null,
    name: isKnown ? principal.name : "",
    peer,
    authority: authorityOf(authority),
  };
}
