import type { Context } from "koa";
import type { Policy } from "../../auth/policy.ts";
import { parsePageSize } from "../../oci/page.ts";
import type { Repositories } from "../../registry/repositories.ts";
import { grantOf } from "../middleware/principal.ts";
import { queryValue, setNextLink } from "../links.ts";
import type { Route } from "../route.ts";

const defaultPageSize = 100;

export function catalogRoutes({
  repositories,
  policy,
  pageSize,
}: {
  readonly repositories: Repositories;
  readonly policy: Policy;
  readonly pageSize: number;
}): readonly Route[] {
  return [
    {
      method: "get",
      path: "/v2/_catalog",
      permission: { kind: "catalog" },
      handle: async (ctx: Context) => {
        const limit =
          parsePageSize(queryValue(ctx, "n"), pageSize) ?? Math.min(defaultPageSize, pageSize);
        const page = await repositories.list(policy.visibilityFor(grantOf(ctx)), {
          last: queryValue(ctx, "last"),
          limit,
        });
        const last = page.items.at(-1);
        if (page.more && last !== undefined) {
          setNextLink(ctx, "/v2/_catalog", [
            ["last", last],
            ["n", String(limit)],
          ]);
        }
        ctx.body = { repositories: page.items };
      },
    },
  ];
}
