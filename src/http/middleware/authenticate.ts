import type { IncomingMessage } from "node:http";
import type { Authenticator, Credentials } from "../../auth/authenticate.ts";
import type { Bearer } from "../../auth/tokens/bearer.ts";
import { anonymous, type Caller } from "../../auth/principal.ts";
import type { Rights } from "../../auth/permissions.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { readAuthorization } from "./authorization.ts";
import type { ClientInfo } from "./client-info.ts";
import { unavailableOnDatabaseError } from "./unavailable.ts";

export interface Callers {
  /**
   * Who a request comes from. `nothing`: it says nothing of it; `invalid`: what it says is not true, or not any more.
   * Rejects where that can't be found out (503), or has been tried too often (429).
   */
  of(
    request: IncomingMessage,
    repository: RepositoryName | undefined,
  ): Promise<Caller | "nothing" | "invalid">;
  /** The same, where it is known already. */
  getCached(request: IncomingMessage): Caller | undefined;
}

/** `auth.open`: nobody is asked who they are. */
export function createOpenCallers(): Callers {
  return { of: () => Promise.resolve(anonymous), getCached: () => anonymous };
}

/**
 * Bearer tokens, and silently also a password or an access token with each request, for what knows no more than
 * that. The rights of the latter are looked up each time.
 */
export function createCallers(parts: {
  readonly bearer: Bearer;
  readonly authenticator: Authenticator;
  readonly rights: Rights;
  readonly removals: { highest(): Promise<number> };
  readonly clientInfo: ClientInfo;
}): Callers {
  const { bearer, authenticator, rights, removals, clientInfo } = parts;

  const credentialed = async (
    request: IncomingMessage,
    credentials: Credentials,
    repository: RepositoryName | undefined,
  ): Promise<Caller | "invalid"> => {
    const agent = request.headers["user-agent"] ?? "";
    const from = { peer: clientInfo.peerOf(request), agent };
    const identity = await authenticator.authenticate(credentials, from);
    if (identity === undefined) return "invalid";
    const highest = await removals.highest();
    const standing = await rights.standing(identity, repository === undefined ? [] : [repository]);
    return {
      identity,
      ...standing,
      catalog: true,
      removals: highest,
      live: true,
      expiresAtMs: undefined,
    };
  };

  return {
    async of(request, repository) {
      const authorization = readAuthorization(request.headers.authorization);
      switch (authorization.kind) {
        case "none":
          return "nothing";
        case "unreadable":
          return "invalid";
        case "bearer":
          return (await bearer.verify(authorization.token)) ?? "invalid";
        case "basic":
          return unavailableOnDatabaseError(() => credentialed(request, authorization, repository));
      }
    },
    getCached(request) {
      const header = request.headers.authorization;
      return header?.startsWith("Bearer ") ? bearer.getCached(header.slice(7)) : undefined;
    },
  };
}
