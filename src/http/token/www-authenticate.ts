import type { Context } from "koa";
import type { RegistryPermission } from "../../auth/policy.ts";
import { formatScope } from "../../auth/tokens/scope.ts";
import { OciError, orAbsent } from "../../oci/errors.ts";
import { parseRepositoryName } from "../../oci/name.ts";
import { queryValue } from "../links.ts";
import type { ClientInfo } from "../middleware/client-info.ts";

const errors = {
  nothing: undefined,
  invalid: "invalid_token",
  valid: "insufficient_scope",
  anonymous: "insufficient_scope",
} as const;

export interface WwwAuthenticate {
  /**
   * Builds the 401 that asks for a token. `presented`: `nothing` = no credentials; `invalid` = the token was rejected;
   * `valid` = it lacks the scope; `anonymous` = the client must log in. A missing and a forbidden repository get
   * identical responses.
   */
  challenge(
    ctx: Context,
    permission: RegistryPermission,
    requestedName: string | undefined,
    presented: keyof typeof errors,
  ): OciError;
}

/**
 * Sends one challenge in one header (RFC 6750), with the parameters in the order that clients expect. With a second
 * scheme, docker would give up an anonymous pull, and other clients read only the first challenge.
 */
export function createWwwAuthenticate(parts: {
  readonly clientInfo: ClientInfo;
  readonly service: string;
}): WwwAuthenticate {
  return {
    challenge(ctx, permission, requestedName, presented) {
      const realm = `${parts.clientInfo.originOf(ctx.req)}/token`;
      const wanted = [...scopeOf(permission, requestedName), ...mountScopeOf(permission, ctx)];
      const error = errors[presented];
      const parameters = [
        ["realm", realm],
        ["service", parts.service],
        ...(wanted.length === 0 ? [] : [["scope", wanted.map(formatScope).join(" ")]]),
        ...(error === undefined ? [] : [["error", error]]),
      ];
      const header = parameters.map(([name, value]) => `${name}="${value}"`).join(",");
      const message = presented === "valid" ? "the token does not allow this" : undefined;
      const detail = wanted.flatMap(({ type: Type, name: Name, actions }) =>
        actions.map((Action) => ({ Type, Class: "", Name, Action })),
      );
      return new OciError("UNAUTHORIZED", message, {
        headers: { "WWW-Authenticate": `Bearer ${header}` },
        ...(detail.length === 0 ? {} : { detail }),
      });
    },
  };
}

interface WantedScope {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/**
 * The scope that the client must request, with the repository name as the client writes it; empty if none is needed.
 */
function scopeOf(
  permission: RegistryPermission,
  requestedName: string | undefined,
): readonly WantedScope[] {
  switch (permission.kind) {
    case "none":
    case "known-principal":
    case "browse":
      return [];
    case "catalog":
      return [{ type: "registry", name: "catalog", actions: ["*"] }];
    case "repository": {
      const actions = permission.scope ?? permission.actions;
      return [{ type: "repository", name: requestedName ?? "", actions }];
    }
  }
}

/**
 * A mount also pulls from its source. Clients that take the scope from the challenge, such as python-dxf, need both
 * scopes, as in distribution.
 */
function mountScopeOf(permission: RegistryPermission, ctx: Context): readonly WantedScope[] {
  const from = queryValue(ctx, "from");
  const isMount = ctx.method === "POST" && queryValue(ctx, "mount") !== undefined;
  if (permission.kind !== "repository" || !isMount || from === undefined) return [];
  // An invalid repository name is never copied into a header.
  if (orAbsent(() => parseRepositoryName(from)) === undefined) return [];
  return [{ type: "repository", name: from, actions: ["pull"] }];
}
