import type { Context } from "koa";
import type { Permission } from "../auth/policy.ts";
import { formatScope } from "../auth/scope.ts";
import { OciError } from "../oci/errors.ts";
import type { Origins } from "./origins.ts";

const errors = {
  nothing: undefined,
  invalid: "invalid_token",
  valid: "insufficient_scope",
  anonymous: "insufficient_scope",
} as const;

export interface Challenger {
  /**
   * The 401 that asks for a token. `presented`: something was shown, and it was no good (`invalid`), or not good for
   * this (`valid`; `anonymous` if it is a token for nobody, whose user has to log in). What is missing and what is forbidden get the same answer to the letter.
   */
  challenge(
    ctx: Context,
    permission: Permission,
    asked: string | undefined,
    presented: keyof typeof errors,
  ): OciError;
}

/**
 * One challenge in one header (RFC 6750, and the order of parameters that clients are used to): beside a second
 * scheme docker would give up an anonymous pull, and others read only the first.
 */
export function createChallenger(parts: {
  readonly origins: Origins;
  readonly service: string;
}): Challenger {
  return {
    challenge(ctx, permission, asked, presented) {
      const realm = `${parts.origins.originOf(ctx.req)}/token`;
      const wanted = scopeOf(permission, asked);
      const error = errors[presented];
      const parameters = [
        ["realm", realm],
        ["service", parts.service],
        ...(wanted === undefined ? [] : [["scope", formatScope(wanted)]]),
        ...(error === undefined ? [] : [["error", error]]),
      ];
      const header = parameters.map(([name, value]) => `${name}="${value}"`).join(",");
      const message = presented === "valid" ? "the token does not allow this" : undefined;
      const { type: Type, name: Name, actions = [] } = wanted ?? {};
      const detail = actions.map((Action) => ({ Type, Class: "", Name, Action }));
      return new OciError("UNAUTHORIZED", message, {
        headers: { "WWW-Authenticate": `Bearer ${header}` },
        ...(detail.length === 0 ? {} : { detail }),
      });
    },
  };
}

/** The scope to ask a token for, with the name as the client writes it. */
function scopeOf(
  permission: Permission,
  asked: string | undefined,
):
  | { readonly type: string; readonly name: string; readonly actions: readonly string[] }
  | undefined {
  switch (permission.kind) {
    case "none":
    case "access":
    case "browse":
      return undefined;
    case "catalog":
      return { type: "registry", name: "catalog", actions: ["*"] };
    case "repository": {
      const actions = permission.scope ?? permission.actions;
      return { type: "repository", name: asked ?? "", actions };
    }
  }
}
