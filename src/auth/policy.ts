import type { RepositoryName } from "../oci/name.ts";

export type Action = "pull" | "push" | "delete";

/** What a route needs from whoever asks; every route declares it, and a route that does not fails the tests. */
export type Permission =
  /** Nothing: the answer says nothing of what is stored. */
  | { readonly kind: "none" }
  /** Being known to the registry, whatever else one may do. */
  | { readonly kind: "access" }
  | { readonly kind: "repository"; readonly actions: readonly Action[] }
  | { readonly kind: "catalog" };

export interface Policy {
  allows(request: {
    readonly permission: Permission;
    readonly repository: RepositoryName | undefined;
  }): boolean;
}

/** `auth.open`: there are no accounts, and everybody may do everything. */
export function createOpenPolicy(): Policy {
  return { allows: () => true };
}
