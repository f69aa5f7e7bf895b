import { z } from "zod";
import { teamGrammar, teamGrammarInWords } from "../../../accounts/names.ts";
import type { Group } from "../../../accounts/team-management.ts";
import type { Hub } from "../hub.ts";
import { userObject, userShown, uuidOf } from "../accounts/schemas.ts";
import { hubRoute, type HubRoute } from "../route.ts";
import { pageOf, pageQuery, type Pager } from "../pages.ts";

const groupObject = z.object({
  id: z.number().int(),
  uuid: z.string(),
  name: z.string(),
  description: z.string(),
  member_count: z.number().int(),
});
const name = z.string().regex(teamGrammar, `invalid team name: ${teamGrammarInWords}`);
const description = z.string().max(1000);
const path = "/v2/orgs/:org/groups";
const seeing = { of: "organisation", deed: "see teams" } as const;
const changing = { of: "organisation", deed: "change teams" } as const;
const everybody = { page: 1, size: 10_000 };

/** The teams of an organisation. */
export function groupRoutes(parts: {
  readonly hub: Pick<Hub, "groups">;
  readonly pager: Pager;
}): readonly HubRoute[] {
  const { groups } = parts.hub;
  const { pager } = parts;
  const change = z.object({ name: name.optional(), description: description.optional() });

  return [
    hubRoute({
      method: "get",
      path,
      needs: seeing,
      summary: "The teams of an organisation",
      query: z.object({
        ...pageQuery,
        search: z.string().max(255).optional(),
        username: z.string().max(255).optional(),
      }),
      answer: pageOf(groupObject),
      handle: async ({ ctx, namespace, query }) => {
        const { page, page_size: size, search, username } = query;
        const found = await groups.list(namespace, { page, size, search, username });
        return pager.envelope(ctx, query, found.count, found.items.map(groupOf));
      },
    }),
    hubRoute({
      method: "post",
      path,
      needs: changing,
      summary: "Makes a team",
      body: z.object({ name, description: description.default("") }),
      answer: groupObject,
      status: 201,
      handle: async ({ actor, namespace, body }) =>
        groupOf(await groups.create(actor, namespace, body.name, body.description)),
    }),
    hubRoute({
      method: "get",
      path: `${path}/:group`,
      needs: seeing,
      summary: "A team, by name or number",
      answer: groupObject,
      handle: async ({ namespace, params }) =>
        groupOf(await groups.find(namespace, params["group"] ?? "")),
    }),
    ...(["put", "patch"] as const).map((method) =>
      hubRoute({
        method,
        path: `${path}/:group`,
        needs: changing,
        summary: "Renames a team, or describes it anew",
        body: change,
        answer: groupObject,
        handle: async ({ actor, namespace, params, body }) =>
          groupOf(await groups.update(actor, namespace, params["group"] ?? "", body)),
      }),
    ),
    hubRoute({
      method: "delete",
      path: `${path}/:group`,
      needs: changing,
      summary: "Removes a team",
      handle: ({ actor, namespace, params }) =>
        groups.delete(actor, namespace, params["group"] ?? ""),
    }),
    hubRoute({
      method: "get",
      path: `${path}/:group/members`,
      needs: seeing,
      summary: "The members of a team; hub-tool gets all of them as a bare array, as it expects",
      query: z.object({ ...pageQuery, search: z.string().max(255).optional() }),
      answer: z.union([pageOf(userObject), z.array(userObject)]),
      handle: async ({ ctx, namespace, params, query }) => {
        const group = params["group"] ?? "";
        if (ctx.get("User-Agent").startsWith("hub-tool/")) {
          const { items } = await groups.members(namespace, group, everybody);
          return items.map(userShown);
        }
        const { page, page_size: size, search } = query;
        const found = await groups.members(namespace, group, { page, size, search });
        return pager.envelope(ctx, query, found.count, found.items.map(userShown));
      },
    }),
    hubRoute({
      method: "post",
      path: `${path}/:group/members`,
      needs: changing,
      summary: "Makes a member of the organisation one of the team",
      body: z.object({ member: name }),
      answer: z.object({}),
      handle: async ({ actor, namespace, params, body }) => {
        await groups.addMember(actor, namespace, params["group"] ?? "", body.member);
        return {};
      },
    }),
    hubRoute({
      method: "delete",
      path: `${path}/:group/members/:user`,
      needs: changing,
      summary: "Takes a user out of a team",
      handle: ({ actor, namespace, params }) =>
        groups.removeMember(actor, namespace, params["group"] ?? "", params["user"] ?? ""),
    }),
  ];
}

const groupOf = ({ id, name, description, members }: Group): z.infer<typeof groupObject> => ({
  ...{ id, uuid: uuidOf("team", id), name, description, member_count: members },
});
