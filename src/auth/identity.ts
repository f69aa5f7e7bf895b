import type { TokenResource } from "../metadata/access-tokens.ts";

export type { TokenResource };

/** What a personal access token may at most do; each includes those after it. */
export const personalScopes = [
  "repo:admin",
  "repo:write",
  "repo:read",
  "repo:public_read",
] as const;
export type PersonalScope = (typeof personalScopes)[number];

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
