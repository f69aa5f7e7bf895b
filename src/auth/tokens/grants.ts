import type { RepositoryName } from "../../oci/name.ts";
import type { Principal } from "../../database/permissions/principal.ts";
import type { Action } from "../policy.ts";
import type { PermissionReader } from "../permission-reader.ts";
import type { Scope } from "./scope.ts";

/** One entry of the `access` claim, in the format of the distribution token specification. */
interface AccessEntry {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/** The granted part of the requested scopes. */
export interface GrantedScopes {
  readonly entries: readonly AccessEntry[];
  /** The highest removal number when the grant was issued. */
  readonly removals: number;
  /** Granted names that have no repository yet. The grant is valid only for a repository that its principal creates. */
  readonly absent: readonly RepositoryName[];
}

export interface GrantIssuer {
  /**
   * Grants the part of the scopes that the principal may have. A smaller or empty grant is not an error: a missing
   * repository and a forbidden one look the same.
   */
  issue(principal: Principal, scopes: readonly Scope[]): Promise<GrantedScopes>;
}

const order: readonly Action[] = ["pull", "push", "delete"];

export function createGrantIssuer(parts: {
  readonly permissionReader: Pick<PermissionReader, "granted">;
  readonly removals: { highest(): Promise<number> };
  /** The repository of a mirror that serves a name that is not hosted here. */
  readonly behind?:
    | ((repository: RepositoryName, asked: string) => Promise<RepositoryName | undefined>)
    | undefined;
}): GrantIssuer {
  return {
    async issue(principal, scopes) {
      // Read before the permissions: a grant for a repository that is removed in between is void.
      const removals = await parts.removals.highest();
      const withBehind: Scope[] = [];
      for (const scope of scopes) {
        withBehind.push(scope);
        if (scope.type !== "repository") continue;
        const repository = await parts.behind?.(scope.repository, scope.name);
        if (repository !== undefined) withBehind.push({ ...scope, name: repository, repository });
      }
      const names = withBehind.flatMap((scope) =>
        scope.type === "repository" ? [scope.repository] : [],
      );
      const { actions: granted, absent } = await parts.permissionReader.granted(principal, [
        ...new Set(names),
      ]);
      const entries = withBehind.flatMap((scope): readonly AccessEntry[] => {
        // Every principal may list; the list contains only repositories that it may pull.
        if (scope.type === "registry") return [scope];
        const has = granted.get(scope.repository) ?? new Set();
        const all = scope.actions.includes("*");
        const actions = order.filter(
          (action) => has.has(action) && (all || scope.actions.includes(action)),
        );
        return actions.length === 0 ? [] : [{ type: scope.type, name: scope.name, actions }];
      });
      const grantedNames = names.filter((name) => (granted.get(name)?.size ?? 0) > 0);
      return {
        entries,
        removals,
        absent: [...new Set(grantedNames)].filter((name) => absent.has(name)),
      };
    },
  };
}
