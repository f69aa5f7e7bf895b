/** One resource of an organisation's access token: a repository, repositories by a glob, or the organisation itself. */
export interface TokenResource {
  readonly type: "TYPE_REPO" | "TYPE_ORG";
  /** `org/repo`, `org/*`, or every public repository, with the globs of the Hub API. */
  readonly path: string;
  /** `scope-image-pull`, `scope-image-push`, … */
  readonly scopes: readonly string[];
}

/** The scopes of a personal access token; each includes those after it. */
export const personalScopes = [
  "repo:admin",
  "repo:write",
  "repo:read",
  "repo:public_read",
] as const;
export type PersonalScope = (typeof personalScopes)[number];

/** How a user was authenticated. `by` is required, so that an access token is never treated as a password. */
type UserCredential =
  | { readonly by: "password"; readonly accessToken?: undefined; readonly scope?: undefined }
  | {
      readonly by: "access-token";
      /** Id of the token. */
      readonly accessToken: string;
      readonly scope: PersonalScope;
    };

/** The authenticated client of a request, without its permissions. */
export type Principal = { readonly kind: "anonymous" } | KnownPrincipal;

export type KnownPrincipal =
  | ({
      readonly kind: "user";
      readonly accountId: number;
      readonly name: string;
      readonly isAdmin: boolean;
    } & UserCredential)
  | {
      readonly kind: "organisation";
      readonly accountId: number;
      readonly name: string;
      /** Id of the access token; organisations have no password. */
      readonly accessToken: string;
      readonly resources: readonly TokenResource[];
    };

/** The rows of an account and of the access token that the client sent. */
export interface CredentialRows {
  readonly account:
    | {
        readonly id: number;
        readonly name: string;
        readonly kind: "user" | "organisation";
        readonly isAdmin: boolean;
        readonly disabled: boolean;
        readonly passwordChangedAtMs: number | null;
      }
    | undefined;
  readonly token:
    | {
        readonly isActive: boolean;
        readonly expiresAtMs: number | null;
        readonly scopes: readonly string[];
        readonly resources: readonly TokenResource[];
      }
    | undefined;
}

/** The credential of an earlier authentication. */
export interface ShownCredential {
  /** Id of the access token; `undefined`: the password. */
  readonly accessToken: string | undefined;
  /** When the password was checked. It is void if it was changed later; `undefined`: not checked. */
  readonly passwordAtMs: number | undefined;
}

/**
 * The principal of a credential by the current rows; `undefined` if the account or the credential is no longer valid.
 */
export function principalNow(
  { account, token }: CredentialRows,
  { accessToken, passwordAtMs = Infinity }: ShownCredential,
  nowMs: number,
): KnownPrincipal | undefined {
  if (account === undefined || account.disabled) return undefined;
  const { id: accountId, name, isAdmin } = account;
  if (accessToken === undefined) {
    if (account.kind !== "user" || (account.passwordChangedAtMs ?? 0) > passwordAtMs)
      return undefined;
    return { kind: "user", accountId, name, isAdmin, by: "password" };
  }
  if (token === undefined || !token.isActive || (token.expiresAtMs ?? Infinity) <= nowMs)
    return undefined;
  if (account.kind === "organisation")
    return { kind: "organisation", accountId, name, accessToken, resources: token.resources };
  const [scope = "repo:public_read"] = token.scopes as PersonalScope[];
  return { kind: "user", accountId, name, isAdmin, by: "access-token", accessToken, scope };
}
