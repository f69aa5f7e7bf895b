import type { TokenResource } from "../accounts/access-tokens.ts";

export type { TokenResource };

/** What a personal access token may at most do; each includes those after it. */
export const personalScopes = [
  "repo:admin",
  "repo:write",
  "repo:read",
  "repo:public_read",
] as const;
export type PersonalScope = (typeof personalScopes)[number];

/** What a user has proved the account with. It is always said: no access token is never taken for a password. */
export type UserCredential =
  | { readonly by: "password"; readonly accessToken?: undefined; readonly scope?: undefined }
  | {
      readonly by: "access-token";
      /** Id of the token. */
      readonly accessToken: string;
      readonly scope: PersonalScope;
    };

/** Who asks, as far as it has been proved. What they may do is not known here. */
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

/** The rows of an account and of the access token that a client has shown. */
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

/** What somebody has shown before. */
export interface ShownCredential {
  /** Id of the access token; `undefined`: the password. */
  readonly accessToken: string | undefined;
  /** A password that was changed after this is another one; `undefined`: that does not count. */
  readonly passwordAtMs: number | undefined;
}

/** Who has shown a credential, as the rows say now; `undefined` if the account or the credential is not good any more. */
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
