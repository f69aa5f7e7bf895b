/** What a personal access token may at most do; each includes those after it. */
export type PersonalScope = "repo:admin" | "repo:write" | "repo:read" | "repo:public_read";

/** What an organisation access token opens: a repository, or repositories by a glob, or the organisation itself. */
export interface TokenResource {
  readonly type: "TYPE_REPO" | "TYPE_ORG";
  /** `org/repo`, `org/*`, or every public repository with the globs of the Hub API. */
  readonly path: string;
  /** `scope-image-pull`, `scope-image-push`, … */
  readonly scopes: readonly string[];
}

/** Who asks, as far as it has been proved. What they may do is not known here. */
export type Identity =
  | { readonly kind: "anonymous" }
  | {
      readonly kind: "user";
      readonly accountId: number;
      readonly name: string;
      readonly isAdmin: boolean;
      /** Of the access token that stood in for the password, if one did. */
      readonly scope?: PersonalScope;
    }
  | {
      readonly kind: "organisation";
      readonly accountId: number;
      readonly name: string;
      readonly resources: readonly TokenResource[];
    };
