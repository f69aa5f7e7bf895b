import type { Context } from "koa";
import { parsePageSize } from "../../oci/page.ts";
import type { Tags } from "../../registry/tags.ts";
import { cacheHeaders } from "./cache-status.ts";
import { queryValue, setNextLink } from "../links.ts";
import type { Route, ResolvedRepository } from "../route.ts";

export function tagRoutes({
  tags,
  pageSize,
}: {
  readonly tags: Tags;
  readonly pageSize: number;
}): readonly Route[] {
  return [
    {
      method: "get",
      path: "/v2/*name/tags/list",
      permission: { kind: "repository", actions: ["pull"] },
      handle: async (
        ctx: Context,
        { repository, requestedName, mirrored }: ResolvedRepository,
        _,
        admitMiss,
      ) => {
        if (mirrored !== undefined) {
          const n = parsePageSize(queryValue(ctx, "n"), pageSize) ?? pageSize;
          const wanted = { n, last: queryValue(ctx, "last") };
          const found = await mirrored.mirror.lists.tags(
            mirrored.mirrorRepository,
            wanted,
            admitMiss,
          );
          if (found.next !== undefined)
            setNextLink(ctx, `/v2/${requestedName}/tags/list`, [
              ["last", found.next.last],
              ["n", String(n)],
            ]);
          ctx.set(cacheHeaders(found.status));
          ctx.body = { name: requestedName, tags: found.tags };
          return;
        }
        const limit = parsePageSize(queryValue(ctx, "n"), pageSize) ?? pageSize;
        const page = await tags.list(repository, { last: queryValue(ctx, "last"), limit });
        const last = page.items.at(-1);
        if (page.more && last !== undefined) {
          setNextLink(ctx, `/v2/${requestedName}/tags/list`, [
            ["last", last],
            ["n", String(limit)],
          ]);
        }
        ctx.body = { name: requestedName, tags: page.items };
      },
    },
  ];
}
