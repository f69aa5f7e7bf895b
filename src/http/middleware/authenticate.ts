import type { IncomingMessage } from "node:http";
import type { Authenticator, Credentials } from "../../auth/authenticate.ts";
import type { Bearer } from "../../auth/tokens/bearer.ts";
import { anonymous, type Grant } from "../../auth/principal.ts";
import type { PermissionReader } from "../../auth/permission-reader.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { ClientInfo } from "./client-info.ts";
import { unavailableOnDatabaseError } from "./unavailable.ts";

export interface RequestAuthenticator {
  /**
   * Returns the grant of the request. `nothing`: the request has no credentials. `invalid`: its credentials are wrong,
   * expired or revoked.
   * Rejects with 503 when the principal cannot be looked up, and with 429 after too many wrong credentials or when too
   * many logins wait.
   */
  authenticate(
    request: IncomingMessage,
    repository: RepositoryName | undefined,
  ): Promise<Grant | "nothing" | "invalid">;
  /** Returns the grant of a bearer token that this process has verified before, without I/O; otherwise `undefined`. */
  getCached(request: IncomingMessage): Grant | undefined;
}

/** `auth.open`: every request is anonymous. */
export function createOpenRequestAuthenticator(): RequestAuthenticator {
  return { authenticate: () => Promise.resolve(anonymous), getCached: () => anonymous };
}

/**
 * Accepts bearer tokens. For clients that cannot use the token endpoint, it also accepts Basic credentials (a password
 * or an access token) with each request; their permissions are read from the database for each request.
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
    const principal = await authenticator.authenticate(credentials, clientInfo.peerOf(request));
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

/** The parsed `Authorization` header of a request. */
type Authorization =
  | { readonly kind: "none" }
  | { readonly kind: "bearer"; readonly token: string }
  | { readonly kind: "basic"; readonly name: string; readonly secret: string }
  /** An unknown scheme or a malformed value. The request is rejected; it is never treated as anonymous. */
  | { readonly kind: "unreadable" };

/** Parses the header. The scheme is case-insensitive (RFC 9110, 11.1). */
export function readAuthorization(header: string | undefined): Authorization {
  if (header === undefined || header === "") return { kind: "none" };
  const space = header.indexOf(" ");
  const scheme = header.slice(0, space).toLowerCase();
  const rest = header.slice(space + 1);
  if (scheme === "bearer") return { kind: "bearer", token: rest };
  if (scheme !== "basic") return { kind: "unreadable" };
  const text = Buffer.from(rest, "base64").toString("utf8");
  const colon = text.indexOf(":");
  // RFC 7617, 2: a user name has no colon; a password may have one. Neither has a control character.
  return colon < 1 || text.includes("\0")
    ? { kind: "unreadable" }
    : { kind: "basic", name: text.slice(0, colon), secret: text.slice(colon + 1) };
}
