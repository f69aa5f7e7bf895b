import type { VisibilityFilter } from "../database/registry/catalog.ts";
import type { Principal } from "../database/permissions/identity.ts";

export type { VisibilityFilter };

const pulling = new Set(["scope-image-pull", "scope-image-push", "scope-image-delete"]);

/** The repositories that a principal sees in the catalog: those that it may pull. */
export function visibleTo(principal: Principal): VisibilityFilter {
  switch (principal.kind) {
    case "anonymous":
      return { kind: "public" };
    case "user": {
      const { accountId, isAdmin, scope } = principal;
      if (scope === "repo:public_read") return { kind: "public" };
      return isAdmin ? { kind: "everything" } : { kind: "user", accountId };
    }
    case "organisation": {
      const paths = principal.resources
        .filter(({ type, scopes }) => type === "TYPE_REPO" && scopes.some((s) => pulling.has(s)))
        .map(({ path }) => path);
      return { kind: "paths", namespace: principal.name, paths };
    }
  }
}
