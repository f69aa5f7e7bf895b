import type { Context } from "koa";
import type { Permission, Policy } from "../auth/policy.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import { callerOf } from "./caller.ts";
import { lookUp } from "./unavailable.ts";

/**
 * Asks again once a body is here, which may have taken as long as its client liked: what it was sent to may have been
 * removed meanwhile, and be somebody else's by now. Throws DENIED.
 */
export async function demandStillAllowed(
  ctx: Context,
  policy: Policy,
  permission: Permission,
  repository: RepositoryName,
): Promise<void> {
  const isAllowed = await lookUp(async () => {
    const caller = await policy.settle(callerOf(ctx), repository);
    return policy.allows({ caller, permission, repository });
  });
  if (!isAllowed)
    throw new OciError("DENIED", "the repository is not the one that this request began with");
}
