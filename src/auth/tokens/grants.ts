import type { RepositoryName } from "../../oci/name.ts";
import type { Principal } from "../../database/permissions/identity.ts";
import type { Action } from "../policy.ts";
import type { PermissionReader } from "../permissions.ts";
import type { Scope } from "./scope.ts";

/** One entry of a token's `access`, as every registry reads it. */
export interface AccessEntry {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/** What somebody gets of what they asked for. */
export interface GrantedScopes {
  readonly entries: readonly AccessEntry[];
  /** The highest number of a removal so far. */
  readonly removals: number;
  /** What is granted for names of which there is no repository yet holds for the one that its receiver makes, and for no other. */
  readonly absent: readonly RepositoryName[];
}

export interface GrantIssuer {
  /**
   * What of the scopes the identity may have. Less than was asked for is no error, down to nothing: what is missing
   * and what is forbidden look the same.
   */
  issue(principal: Principal, scopes: readonly Scope[]): Promise<GrantedScopes>;
}

const order: readonly Action[] = ["pull", "push", "delete"];

export function createGrantIssuer(parts: {
  readonly permissionReader: Pick<PermissionReader, "granted">;
  readonly removals: { highest(): Promise<number> };
  /** The repository of a mirror that answers for a name that is not hosted here. */
  readonly behind?:
    | ((repository: RepositoryName, asked: string) => RepositoryName | undefined)
    | undefined;
}): GrantIssuer {
  return {
    async issue(principal, scopes) {
      // Before the rights: a repository that is removed in between is closed again.
      const removals = await parts.removals.highest();
      const withBehind = scopes.flatMap((scope): readonly Scope[] => {
        if (scope.type !== "repository") return [scope];
        const repository = parts.behind?.(scope.repository, scope.name);
        return repository === undefined
          ? [scope]
          : [scope, { ...scope, name: repository, repository }];
      });
      const names = withBehind.flatMap((scope) =>
        scope.type === "repository" ? [scope.repository] : [],
      );
      const { access, absent } = await parts.permissionReader.granted(principal, [
        ...new Set(names),
      ]);
      const entries = withBehind.flatMap((scope): readonly AccessEntry[] => {
        // Everybody may list; the list has only what they may pull.
        if (scope.type === "registry") return [scope];
        const has = access.get(scope.repository) ?? new Set();
        const all = scope.actions.includes("*");
        const actions = order.filter(
          (action) => has.has(action) && (all || scope.actions.includes(action)),
        );
        return actions.length === 0 ? [] : [{ type: scope.type, name: scope.name, actions }];
      });
      const granted = names.filter((name) => (access.get(name)?.size ?? 0) > 0);
      return {
        entries,
        removals,
        absent: [...new Set(granted)].filter((name) => absent.has(name)),
      };
    },
  };
}
