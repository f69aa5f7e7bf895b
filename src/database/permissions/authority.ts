import type { RoutePermission, HubTarget } from "./hub-rules.ts";
import type { Principal, ShownCredential } from "./identity.ts";
import type { Action } from "./repository-rules.ts";

/*
 * Who changes something, and by what authority. A command that acts for somebody takes an actor; the writer checks its
 * authority on the rows of the command's own transaction before the command runs (`check.ts`). Only the functions
 * below make one, and `test/database/permissions/authority.test.ts` holds who may call them.
 */

declare const authorized: unique symbol;

/** By what an actor may do what it does; plain data, since it crosses threads and processes. */
type Authority = { readonly kind: "system" } | { readonly kind: "open" } | ClientAuthority;

export interface ClientAuthority extends ShownCredential {
  readonly kind: "client";
  /** `undefined`: anonymous. */
  readonly accountId: number | undefined;
  /** When the bearer token ends; `undefined`: it does not count here. */
  readonly expiresAtMs: number | undefined;
  readonly permission: ClientPermission;
  readonly target: HubTarget;
  /** What was removed with a higher number than this is not what the client meant; `undefined`: that does not count. */
  readonly removals: number | undefined;
}

/** The permission that the route of the request declares. */
export type ClientPermission =
  | RoutePermission
  | { readonly of: "registry"; readonly actions: readonly Action[] };

/** Who does something, and from where, as the audit log keeps it. */
export interface Actor {
  /** `null`: anonymous, open mode, or the command line. */
  readonly accountId: number | null;
  /** Of the account; empty for anonymous, `berth` for the command line. */
  readonly name: string;
  /** The address it came from; empty where there is none. */
  readonly peer: string;
  readonly authority: Authority & { readonly [authorized]: true };
}

const authorityOf = (authority: Authority): Actor["authority"] => authority as Actor["authority"];

/** The command line (`berth`), a mirror (`mirror`): what acts for no client, and is never refused. */
export const systemActor = (name: "berth" | "mirror"): Actor => ({
  ...{ accountId: null, name, peer: "" },
  authority: authorityOf({ kind: "system" }),
});

/** A client of a registry without accounts (`auth.open`). */
export const openActor = (peer: string): Actor => ({
  accountId: null,
  name: "",
  peer,
  authority: authorityOf({ kind: "open" }),
});

/** A client that has just been authorized. The same is authorized once more in the transaction of its command. */
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
