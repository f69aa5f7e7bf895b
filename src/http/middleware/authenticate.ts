import type { IncomingMessage } from "node:http";
import type { Authenticator, Credentials } from "../../auth/authenticate.ts";
import type { Bearer } from "../../auth/tokens/bearer.ts";
import { anonymous, type Grant } from "../../auth/principal.ts";
import type { PermissionReader } from "../../auth/permissions.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { readAuthorization } from "./authorization.ts";
import type { ClientInfo } from "./client-info.ts";
import { unavailableOnDatabaseError } from "./unavailable.ts";

export interface RequestAuthenticator {
  /**
   * Who a request comes from. `nothing`: it says nothing of it; `invalid`: what it says is not true, or not any more.
   * Rejects where that can't be found out (503), or has been tried too often (429).
   */
  authenticate(
    request: IncomingMessage,
    repository: RepositoryName | undefined,
  ): Promise<Grant | "nothing" | "invalid">;
  /** The same, where it is known already. */
  getCached(request: IncomingMessage): Grant | undefined;
}

/** `auth.open`: nobody is asked who they are. */
export function createOpenRequestAuthenticator(): RequestAuthenticator {
  return { authenticate: () => Promise.resolve(anonymous), getCached: () => anonymous };
}

/**
 * Bearer tokens, and silently also a password or an access token with each request, for what knows no more than
 * that. The rights of the latter are looked up each time.
 */
export function createRequestAuthenticator(parts: {
  readonly bearer: Bearer;
  readonly authenticator: Authenticator;
  readonly permissionReader: PermissionReader;
  readonly removals: { highest(): Promise<number> };
  readonly clientInfo: ClientInfo;
}): RequestAuthenticator {
  const { bearer, authenticator, permissionReader, removals, clientInfo } = parts;

  const credentialed = async (
    request: IncomingMessage,
    credentials: Credentials,
    repository: RepositoryName | undefined,
  ): Promise<Grant | "invalid"> => {
    const agent = request.headers["user-agent"] ?? "";
    const from = { peer: clientInfo.peerOf(request), agent };
    const principal = await authenticator.authenticate(credentials, from);
    if (principal === undefined) return "invalid";
    const highest = await removals.highest();
    const granted = await permissionReader.granted(
      principal,
      repository === undefined ? [] : [repository],
    );
    return {
      principal,
      ...granted,
      catalog: true,
      removals: highest,
      live: true,
      expiresAtMs: undefined,
    };
  };

  return {
    async authenticate(request, repository) {
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
