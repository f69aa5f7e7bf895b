import * as z from "zod";
import { teamGrammar, teamGrammarInWords } from "../../../accounts/teams.ts";
import type { TeamSummary } from "../../../accounts/team-catalog.ts";
import type { HubCatalog } from "../hub.ts";
import { userSchema, presentUser, uuidOf } from "../accounts/schemas.ts";
import { route, type Route } from "../../route.ts";
import { pageOf, pageQuery, type Pager } from "../pages.ts";

const teamSchema = z.object({
  id: z.number().int(),
  uuid: z.string(),
  name: z.string(),
  description: z.string(),
  member_count: z.number().int(),
});
const name = z.string().regex(teamGrammar, `invalid team name: ${teamGrammarInWords}`);
const description = z.string().max(1000);
const path = "/v2/orgs/:org/groups";
const seeing = { of: "organisation", permission: "see teams" } as const;
const changing = { of: "organisation", permission: "change teams" } as const;
const everybody = { page: 1, size: 10_000 };

/** Routes of the teams of an organisation. */
export function teamRoutes(parts: {
  readonly hub: Pick<HubCatalog, "teams">;
  readonly pager: Pager;
}): readonly Route[] {
  const { teams } = parts.hub;
  const { pager } = parts;
  const change = z.object({ name: name.optional(), description: description.optional() });

  return [
    route({
      method: "get",
      path,
      requires: seeing,
      summary: "The teams of an organisation",
      query: z.object({
        ...pageQuery,
        search: z.string().max(255).optional(),
        username: z.string().max(255).optional(),
      }),
      answer: pageOf(teamSchema),
      handle: async ({ ctx, namespace, query }) => {
        const { page, page_size: size, search, username } = query;
        const found = await teams.list(namespace, { page, size, search, username });
        return pager.envelope(ctx, query, found.count, found.items.map(presentTeam));
      },
    }),
    route({
      method: "post",
      path,
      requires: changing,
      summary: "Makes a team",
      body: z.object({ name, description: description.default("") }),
      answer: teamSchema,
      status: 201,
      handle: async ({ actor, namespace, body }) =>
        presentTeam(await teams.create(actor, namespace, body.name, body.description)),
    }),
    route({
      method: "get",
      path: `${path}/:group`,
      requires: seeing,
      summary: "A team, by name or number",
      answer: teamSchema,
      handle: async ({ namespace, params }) =>
        presentTeam(await teams.find(namespace, params["group"] ?? "")),
    }),
    ...(["put", "patch"] as const).map((method) =>
      route({
        method,
        path: `${path}/:group`,
        requires: changing,
        summary: "Renames a team, or describes it anew",
        body: change,
        answer: teamSchema,
        handle: async ({ actor, namespace, params, body }) =>
          presentTeam(await teams.update(actor, namespace, params["group"] ?? "", body)),
      }),
    ),
    route({
      method: "delete",
      path: `${path}/:group`,
      requires: changing,
      summary: "Removes a team",
      status: 204,
      handle: ({ actor, namespace, params }) =>
        teams.delete(actor, namespace, params["group"] ?? ""),
    }),
    route({
      method: "get",
      path: `${path}/:group/members`,
      requires: seeing,
      summary: "The members of a team; hub-tool gets all of them as a bare array, as it expects",
      query: z.object({ ...pageQuery, search: z.string().max(255).optional() }),
      answer: z.union([pageOf(userSchema), z.array(userSchema)]),
      handle: async ({ ctx, namespace, params, query }) => {
        const group = params["group"] ?? "";
        if (ctx.get("User-Agent").startsWith("hub-tool/")) {
          const { items } = await teams.members(namespace, group, everybody);
          return items.map(presentUser);
        }
        const { page, page_size: size, search } = query;
        const found = await teams.members(namespace, group, { page, size, search });
        return pager.envelope(ctx, query, found.count, found.items.map(presentUser));
      },
    }),
    route({
      method: "post",
      path: `${path}/:group/members`,
      requires: changing,
      summary: "Makes a member of the organisation one of the team",
      body: z.object({ member: name }),
      answer: z.object({}),
      handle: async ({ actor, namespace, params, body }) => {
        await teams.addMember(actor, namespace, params["group"] ?? "", body.member);
        return {};
      },
    }),
    route({
      method: "delete",
      path: `${path}/:group/members/:user`,
      requires: changing,
      summary: "Takes a user out of a team",
      status: 204,
      handle: ({ actor, namespace, params }) =>
        teams.removeMember(actor, namespace, params["group"] ?? "", params["user"] ?? ""),
    }),
  ];
}

const presentTeam = ({
  id,
  name,
  description,
  members,
}: TeamSummary): z.infer<typeof teamSchema> => ({
  ...{ id, uuid: uuidOf("team", id), name, description, member_count: members },
});
