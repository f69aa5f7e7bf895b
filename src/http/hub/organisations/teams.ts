import type * as z from "zod";
import type { TeamSummary } from "../../../accounts/team-catalog.ts";
import { pageSchema } from "../../../api/fields.ts";
import {
  createTeamBody,
  teamMemberAddedSchema,
  teamListQuery,
  teamMemberBody,
  teamMemberListQuery,
  teamMemberListSchema,
  teamSchema,
  updateTeamBody,
} from "../../../api/organisations.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import { presentUser, uuidOf } from "../accounts/presenters.ts";
import type { HubCatalog } from "../hub.ts";
import type { Pager } from "../pages.ts";

interface Parts {
  readonly hub: Pick<HubCatalog, "teams">;
  readonly pager: Pager;
}

const teamsPath = "/v2/orgs/:org/groups";
const teamPath = `${teamsPath}/:group`;
const see = { of: "organisation", permission: "see teams" } as const;
const change = { of: "organisation", permission: "change teams" } as const;

/** Routes of the teams of an organisation. */
export function teamRoutes(parts: Parts): readonly Route[] {
  const { teams } = parts.hub;
  return [
    route({
      method: "get",
      path: teamsPath,
      requires: see,
      summary: "The teams of an organisation",
      query: teamListQuery,
      answer: pageSchema(teamSchema),
      handle: async ({ ctx, namespace, query }) => {
        const { page, page_size: size, search, username } = query;
        const found = await teams.list(namespace, { page, size, search, username });
        return parts.pager.numbered(ctx, query, found.count, found.items.map(presentTeam));
      },
    }),
    route({
      method: "post",
      path: teamsPath,
      requires: change,
      summary: "Creates a team",
      body: createTeamBody,
      answer: teamSchema,
      status: 201,
      handle: async ({ actor, namespace, body }) =>
        presentTeam(await teams.create(actor, namespace, body.name, body.description)),
    }),
    route({
      method: "get",
      path: teamPath,
      requires: see,
      summary: "A team, by name or id",
      answer: teamSchema,
      handle: async ({ namespace, params }) =>
        presentTeam(await teams.find(namespace, params["group"] ?? "")),
    }),
    ...(["put", "patch"] as const).map((method) =>
      route({
        method,
        path: teamPath,
        requires: change,
        summary: "Changes the name or the description of a team",
        body: updateTeamBody,
        answer: teamSchema,
        handle: async ({ actor, namespace, params, body }) =>
          presentTeam(await teams.update(actor, namespace, params["group"] ?? "", body)),
      }),
    ),
    route({
      method: "delete",
      path: teamPath,
      requires: change,
      summary: "Deletes a team",
      status: 204,
      handle: ({ actor, namespace, params }) =>
        teams.delete(actor, namespace, params["group"] ?? ""),
    }),
    ...teamMemberRoutes(parts),
  ];
}

function teamMemberRoutes(parts: Parts): readonly Route[] {
  const { teams } = parts.hub;
  return [
    route({
      method: "get",
      path: `${teamPath}/members`,
      requires: see,
      summary: "The members of a team; hub-tool gets all of them as a bare array, as it expects",
      query: teamMemberListQuery,
      answer: teamMemberListSchema,
      handle: (request) => listMembers(parts, request),
    }),
    route({
      method: "post",
      path: `${teamPath}/members`,
      requires: change,
      summary: "Adds a member of the organisation to a team",
      body: teamMemberBody,
      answer: teamMemberAddedSchema,
      handle: async ({ actor, namespace, params, body }) => {
        await teams.addMember(actor, namespace, params["group"] ?? "", body.member);
        return {};
      },
    }),
    route({
      method: "delete",
      path: `${teamPath}/members/:user`,
      requires: change,
      summary: "Removes a user from a team",
      status: 204,
      handle: ({ actor, namespace, params }) =>
        teams.removeMember(actor, namespace, params["group"] ?? "", params["user"] ?? ""),
    }),
  ];
}

/** A page that has all members of a team. */
const wholeTeam = { page: 1, size: 10_000 };

async function listMembers(
  { hub: { teams }, pager }: Parts,
  { ctx, namespace, params, query }: HubRequest<z.output<typeof teamMemberListQuery>>,
): Promise<z.input<typeof teamMemberListSchema>> {
  const group = params["group"] ?? "";
  if (ctx.get("User-Agent").startsWith("hub-tool/")) {
    const { items } = await teams.members(namespace, group, wholeTeam);
    return items.map(presentUser);
  }
  const { page, page_size: size, search } = query;
  const found = await teams.members(namespace, group, { page, size, search });
  return pager.numbered(ctx, query, found.count, found.items.map(presentUser));
}

function presentTeam(team: TeamSummary): z.input<typeof teamSchema> {
  return {
    id: team.id,
    uuid: uuidOf("team", team.id),
    name: team.name,
    description: team.description,
    member_count: team.members,
  };
}
