import type * as z from "zod";
import type { Accounts } from "../../../accounts/accounts.ts";
import { pageQuery, pageSchema } from "../../../api/fields.ts";
import {
  addTeamPermissionBody,
  setTeamPermissionBody,
  teamPermissionSchema,
} from "../../../api/repositories.ts";
import { namespaceOf } from "../../../oci/name.ts";
import type { HubRequest, Route } from "../../route.ts";
import type { HubCatalog } from "../hub.ts";
import type { Pager } from "../pages.ts";
import { repositoryRoutes } from "../repository-routes.ts";

interface Parts {
  readonly hub: Pick<HubCatalog, "repositories" | "teams">;
  readonly accounts: Pick<Accounts, "teams">;
  readonly pager: Pager;
}

const admitTeams = { of: "repository", permission: "admit teams" } as const;

/** Routes of the permissions that teams have on a repository. */
export function teamPermissionRoutes(parts: Parts): readonly Route[] {
  return [
    ...repositoryRoutes({
      method: "get",
      rest: "/groups",
      requires: { of: "repository", permission: "see teams" },
      summary: "The teams that have a permission on a repository",
      query: pageQuery,
      answer: pageSchema(teamPermissionSchema),
      handle: async ({ ctx, repository, query }) => {
        const teams = await parts.hub.repositories.teams(repository);
        const shown = teams.map(({ id, name, permission }) => ({
          group_id: id,
          group_name: name,
          permission,
        }));
        return parts.pager.numberedOf(ctx, query, shown);
      },
    }),
    ...repositoryRoutes({
      method: "post",
      rest: "/groups",
      requires: admitTeams,
      summary: "Gives a team a permission on a repository",
      body: addTeamPermissionBody,
      answer: teamPermissionSchema,
      handle: (request) => {
        const { group_id: id, permission } = request.body;
        return setTeamPermission(parts, request, String(id), permission);
      },
    }),
    ...repositoryRoutes({
      method: "patch",
      rest: "/groups/:group",
      requires: admitTeams,
      summary: "Changes the permission of a team on a repository",
      body: setTeamPermissionBody,
      answer: teamPermissionSchema,
      handle: (request) =>
        setTeamPermission(parts, request, request.params["group"] ?? "", request.body.permission),
    }),
    ...repositoryRoutes({
      method: "delete",
      rest: "/groups/:group",
      requires: admitTeams,
      summary: "Removes the permission of a team on a repository",
      status: 204,
      handle: async (request) => {
        const { actor, repository, params } = request;
        const { name } = await teamOf(parts, request, params["group"] ?? "");
        await parts.accounts.teams.setPermission(actor, name, repository, undefined);
      },
    }),
  ];
}

async function setTeamPermission(
  parts: Parts,
  call: Pick<HubRequest, "actor" | "repository">,
  group: string,
  permission: z.output<typeof setTeamPermissionBody>["permission"],
): Promise<z.input<typeof teamPermissionSchema>> {
  const { id, name } = await teamOf(parts, call, group);
  await parts.accounts.teams.setPermission(call.actor, name, call.repository, permission);
  return { group_name: name.team, group_id: id, permission };
}

/** @param group the name or the id of a team of the organisation that has the repository */
async function teamOf(
  { hub }: Parts,
  { repository }: Pick<HubRequest, "repository">,
  group: string,
) {
  const organisation = namespaceOf(repository);
  const { id, name: team } = await hub.teams.find(organisation, group);
  return { id, name: { organisation, team } };
}
