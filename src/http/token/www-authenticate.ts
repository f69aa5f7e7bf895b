import type { Context } from "koa";
import type { RegistryPermission } from "../../auth/policy.ts";
import type { Grant } from "../../auth/principal.ts";
import { formatScope } from "../../auth/tokens/scope.ts";
import { OciError, orAbsent } from "../../oci/errors.ts";
import { parseRepositoryName } from "../../oci/name.ts";
import { queryValue } from "../links.ts";
import type { ClientInfo } from "../middleware/client-info.ts";

const errors = { nothing: undefined, invalid: "invalid_token" } as const;

export interface WwwAuthenticate {
  /**
   * Builds the 401 that asks for a token. `presented`: `nothing` = no credentials; `invalid` = the token was rejected; a
   * grant = it lacks the scope, or its anonymous client must log in. A missing and a forbidden repository get identical
   * responses.
   */
  challenge(
    ctx: Context,
    permission: RegistryPermission,
    requestedName: string | undefined,
    presented: "nothing" | "invalid" | Grant,
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
      const origin = parts.clientInfo.originOf(ctx.req);
      const wanted = [...scopeOf(permission, requestedName), ...mountScopeOf(permission, ctx)];
      const grant = typeof presented === "string" ? undefined : presented;
      const error =
        grant === undefined ? errors[presented as keyof typeof errors] : "insufficient_scope";
      const reason = grant && reasonOf(grant, permission, requestedName, new URL(origin).host);
      const parameters = [
        ["realm", `${origin}/token`],
        ["service", parts.service],
        ...(wanted.length === 0 ? [] : [["scope", wanted.map(formatScope).join(" ")]]),
        ...(error === undefined ? [] : [["error", error]]),
        // docker shows this text in place of "requested access to the resource is denied".
        ...(reason === undefined ? [] : [["error_description", reason]]),
      ];
      const header = parameters.map(([name, value]) => `${name}="${value}"`).join(",");
      const isKnown = grant !== undefined && grant.principal.kind !== "anonymous";
      const message = reason ?? (isKnown ? "the token does not allow this" : undefined);
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

/**
 * Why a push is refused, and what to do: without commas, quotes and `=`, because some clients split the header there.
 * `undefined`: the default text says enough.
 */
function reasonOf(
  { principal }: Grant,
  permission: RegistryPermission,
  requestedName: string | undefined,
  host: string,
): string | undefined {
  if (permission.kind !== "repository" || !permission.actions.includes("push")) return undefined;
  if (principal.kind === "anonymous") return `log in to push: docker login ${host}`;
  const parts = (requestedName ?? "").split("/");
  if (parts.length > 1 && parts[0] === principal.name) return undefined;
  return `no permission to push here: push to ${host}/${principal.name}/${parts.at(-1)}`;
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
