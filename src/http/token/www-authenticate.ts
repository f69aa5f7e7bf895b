import type { Context } from "koa";
import type { Permission } from "../../auth/policy.ts";
import { formatScope } from "../../auth/tokens/scope.ts";
import { OciError } from "../../oci/errors.ts";
import { orAbsent } from "../../oci/manifest-fields.ts";
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
   * The 401 that asks for a token. `presented`: something was shown, and it was no good (`invalid`), or not good for
   * this (`valid`; `anonymous` if it is a token for nobody, whose user has to log in). What is missing and what is forbidden get the same answer to the letter.
   */
  challenge(
    ctx: Context,
    permission: Permission,
    requestedName: string | undefined,
    presented: keyof typeof errors,
  ): OciError;
}

/**
 * One challenge in one header (RFC 6750, and the order of parameters that clients are used to): beside a second
 * scheme docker would give up an anonymous pull, and others read only the first.
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

/** The scope to ask a token for, with the name as the client writes it; empty where none is needed. */
function scopeOf(
  permission: Permission,
  requestedName: string | undefined,
): readonly WantedScope[] {
  switch (permission.kind) {
    case "none":
    case "access":
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

/** A mount reads its source too. Clients that take the scope from the challenge, such as python-dxf, need both, as in distribution. */
function mountScopeOf(permission: Permission, ctx: Context): readonly WantedScope[] {
  const from = queryValue(ctx, "from");
  const isMount = ctx.method === "POST" && queryValue(ctx, "mount") !== undefined;
  if (permission.kind !== "repository" || !isMount || from === undefined) return [];
  // What is no name of a repository is never repeated in a header.
  if (orAbsent(() => parseRepositoryName(from)) === undefined) return [];
  return [{ type: "repository", name: from, actions: ["pull"] }];
}
