import * as z from "zod";
import type { Accounts } from "../../../accounts/accounts.ts";
import type { HubCatalog } from "../hub.ts";
import { triedAtMost } from "../../../catalog/tags.ts";
import { OciError } from "../../../oci/errors.ts";
import { namespaceOf } from "../../../oci/name.ts";
import type { Registry } from "../../../registry/registry.ts";
import { route, type Route } from "../../route.ts";
import { userOf } from "../requests.ts";
import { repositoryRoutes } from "../repository-routes.ts";
import { forbidden, HubError } from "../errors.ts";
import { pageOf, pageQuery, type Pager } from "../pages.ts";
import {
  presentRepositoryInfo,
  listedRepositorySchema,
  presentListedRepository,
  repositoryInfoSchema,
} from "./schemas.ts";

const permission = z.enum(["read", "write", "admin"]);
const teamPermission = z.object({
  group_name: z.string(),
  group_id: z.number().int(),
  permission,
});

/** Routes of a repository's immutable tags, stars and teams. */
export function repositorySettingRoutes(parts: {
  readonly hub: Pick<HubCatalog, "repositories" | "tags" | "teams" | "accounts">;
  readonly registry: Pick<Registry, "repositories">;
  readonly accounts: Pick<Accounts, "teams">;
  readonly pager: Pager;
}): readonly Route[] {
  const { hub, registry, accounts, pager } = parts;
  const fixing = { of: "repository", permission: "fix tags" } as const;
  const admitting = { of: "repository", permission: "admit teams" } as const;

  return [
    ...repositoryRoutes({
      method: "patch",
      rest: "/immutabletags",
      requires: fixing,
      summary:
        "Says which tags may not change, by expressions of RE2 for whole tags; none means all",
      body: z.object({
        immutable_tags: z.boolean(),
        immutable_tags_rules: z.array(z.string()).max(100).default([]),
      }),
      answer: repositoryInfoSchema,
      handle: async ({ actor, session, repository, body }) => {
        const rules = body.immutable_tags ? body.immutable_tags_rules : null;
        await withPatterns("immutable_tags_rules", () =>
          registry.repositories.setImmutableTags(actor, repository, rules),
        );
        return presentRepositoryInfo(await hub.repositories.get(session, repository));
      },
    }),
    ...repositoryRoutes({
      method: "post",
      rest: "/immutabletags/verify",
      requires: fixing,
      summary: "The tags that an expression would fix",
      body: z.object({ regex: z.string() }),
      answer: z.object({ tags: z.array(z.string()).max(triedAtMost) }),
      handle: async ({ repository, body, work }) => ({
        tags: [
          ...(await withPatterns("regex", () => hub.tags.matching(repository, body.regex, work))),
        ],
      }),
    }),

    ...(["post", "delete"] as const).flatMap((method) =>
      repositoryRoutes({
        method,
        rest: "/stars",
        requires: { of: "repository", permission: "see" },
        summary: method === "post" ? "Stars a repository" : "Takes the star away",
        status: 204,
        handle: async (call) => {
          // Only users have stars.
          userOf(call);
          if (method === "delete") await hub.repositories.unstar(call.actor, call.repository);
          else if (!(await hub.repositories.star(call.actor, call.repository)))
            throw forbidden("you have too many stars");
        },
      }),
    ),
    route({
      method: "get",
      path: "/v2/users/:name/repositories/starred",
      legacy: true,
      requires: { of: "anyone" },
      summary: "What a user has starred, as far as the caller sees it",
      query: z.object(pageQuery),
      answer: pageOf(listedRepositorySchema),
      handle: async ({ ctx, session, params, query }) => {
        const { id } = await hub.accounts.user(params["name"] ?? "");
        const { page, page_size: size } = query;
        const { count, items } = await hub.repositories.starred(session, id, { page, size });
        return pager.envelope(
          ctx,
          query,
          count,
          items.map((item) => presentListedRepository(item)),
        );
      },
    }),

    ...repositoryRoutes({
      method: "get",
      rest: "/groups",
      requires: { of: "repository", permission: "see teams" },
      summary: "The teams that have a permission on a repository",
      query: z.object(pageQuery),
      answer: pageOf(teamPermission),
      handle: async ({ ctx, repository, query }) => {
        const teams = await hub.repositories.teams(repository);
        const { page, page_size: size } = query;
        const shown = teams.slice((page - 1) * size, page * size);
        return pager.envelope(
          ctx,
          query,
          teams.length,
          shown.map(({ id, name, permission }) => ({
            ...{ group_id: id, group_name: name, permission },
          })),
        );
      },
    }),
    ...repositoryRoutes({
      method: "post",
      rest: "/groups",
      requires: admitting,
      summary: "Gives a team a permission on a repository",
      body: z.object({ group_id: z.int(), permission }),
      answer: teamPermission,
      handle: async ({ actor, repository, body }) => {
        const organisation = namespaceOf(repository);
        const group = await hub.teams.find(organisation, String(body.group_id));
        const team = { organisation, team: group.name };
        await accounts.teams.setPermission(actor, team, repository, body.permission);
        return { group_name: group.name, group_id: group.id, permission: body.permission };
      },
    }),
    ...repositoryRoutes({
      method: "patch",
      rest: "/groups/:group",
      requires: admitting,
      summary: "Gives a team another permission on a repository",
      body: z.object({ permission }),
      answer: teamPermission,
      handle: async ({ actor, repository, params, body }) => {
        const organisation = namespaceOf(repository);
        const group = await hub.teams.find(organisation, params["group"] ?? "");
        const team = { organisation, team: group.name };
        await accounts.teams.setPermission(actor, team, repository, body.permission);
        return { group_name: group.name, group_id: group.id, permission: body.permission };
      },
    }),
    ...repositoryRoutes({
      method: "delete",
      rest: "/groups/:group",
      requires: admitting,
      summary: "Takes from a team what it may do with a repository",
      status: 204,
      handle: async ({ actor, repository, params }) => {
        const organisation = namespaceOf(repository);
        const group = await hub.teams.find(organisation, params["group"] ?? "");
        const team = { organisation, team: group.name };
        await accounts.teams.setPermission(actor, team, repository, undefined);
      },
    }),
  ];
}

async function withPatterns<T>(field: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof OciError) || error.code !== "TAG_INVALID") throw error;
    throw new HubError(400, error.message, { fields: { [field]: [error.message] } });
  }
}
