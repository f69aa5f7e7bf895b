import type { Context } from "koa";
import type { Policy } from "../../auth/policy.ts";
import type { Browsing } from "../../hub/browsing.ts";
import { parseNamespace } from "../../oci/name.ts";
import type { Repositories } from "../../registry/repositories.ts";
import { actorOf, callerOf } from "../caller.ts";
import { queryValue } from "../links.ts";
import type { Origins } from "../origins.ts";
import type { Route } from "../route.ts";
import { envelope, followedBy, numberedPage } from "../search/page.ts";
import { flag, ordered, values } from "../search/parameters.ts";
import { sendNothing } from "../send.ts";
import { repositoryShape, searchShape, sizesShape } from "./shapes.ts";

/** Below this everything is our own; `/-/` ends the name of a repository, in which no component is a dash. */
export const root = "/api/berth/v1";

export function berthRepositoryRoutes(parts: {
  readonly browsing: Browsing;
  readonly repositories: Repositories;
  readonly policy: Policy;
  readonly origins: Origins;
}): readonly Route[] {
  const { browsing, repositories, policy, origins } = parts;

  const list = async (ctx: Context): Promise<void> => {
    const page = numberedPage(ctx);
    const asked = queryValue(ctx, "namespace");
    const namespace = asked === undefined || asked === "" ? undefined : parseNamespace(asked);
    const last = queryValue(ctx, "last");
    const viewer = policy.viewerFor(callerOf(ctx));
    const { items, total, more } = await browsing.repositories.list(viewer, {
      ...{ namespace, last, limit: page.size },
    });
    ctx.body = followedBy(ctx, origins, more ? items.at(-1)?.name : undefined, {
      ...{ count: total, results: items.map(repositoryShape) },
    });
  };

  const search = async (ctx: Context): Promise<void> => {
    const page = numberedPage(ctx);
    const { results, total } = await ordered(
      {
        viewer: policy.viewerFor(callerOf(ctx)),
        text: queryValue(ctx, "query") ?? "",
        facets: {
          os: values(ctx, "os"),
          architecture: values(ctx, "architecture"),
          os_version: values(ctx, "os_version"),
          type: values(ctx, "type"),
        },
        isOfficial: flag(ctx, "is_official"),
      },
      {
        ...{ sort: queryValue(ctx, "sort"), order: queryValue(ctx, "order") },
        ...{ offset: page.offset, limit: page.size },
      },
      browsing.search,
    );
    ctx.body = envelope(ctx, origins, page, { count: total, results: results.map(searchShape) });
  };

  const browse = { kind: "browse" } as const;
  const read = { kind: "page", actions: [] } as const;
  const name = `${root}/repositories/*name`;
  return [
    { method: "get", path: `${root}/search`, permission: browse, handle: search },
    { method: "get", path: `${root}/repositories`, permission: browse, handle: list },
    {
      method: "get",
      path: `${root}/namespaces/:namespace/sizes`,
      permission: browse,
      handle: async (ctx: Context) => {
        const namespace = parseNamespace(
          (ctx["params"] as Record<string, string>)["namespace"] ?? "",
        );
        const viewer = policy.viewerFor(callerOf(ctx));
        const report = await browsing.sizes.ofNamespace(namespace, viewer);
        ctx.body = { namespace, repository_count: report.repositories, ...sizesShape(report) };
      },
    },
    {
      method: "get",
      path: `${name}/-/sizes`,
      permission: read,
      handle: async (ctx, { repository }) => {
        const { id } = await browsing.repositories.get(repository);
        const viewer = policy.viewerFor(callerOf(ctx));
        const report = await browsing.sizes.ofRepository(id, viewer);
        ctx.body = { name: repository, ...sizesShape(report) };
      },
    },
    {
      method: "get",
      path: name,
      permission: read,
      handle: async (ctx, { repository }) => {
        const view = await browsing.repositories.get(repository);
        ctx.body = { ...repositoryShape(view), full_description: view.fullText };
      },
    },
    {
      method: "delete",
      path: name,
      permission: { kind: "page", actions: ["delete"] },
      handle: async (ctx, { repository }) => {
        await repositories.delete(actorOf(ctx), repository);
        sendNothing(ctx, 204);
      },
    },
  ];
}
