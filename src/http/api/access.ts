import type * as z from "zod";
import type { Access, RepositoryAccess } from "../../accounts/repository-access.ts";
import type { Collaborators } from "../../accounts/collaborators.ts";
import {
  accessListQuery,
  accessListSchema,
  accessSchema,
  setAccessBody,
  teamRepositoriesQuery,
  teamRepositorySchema,
  type AccessAnswer,
  type AccessListAnswer,
} from "../../api/access.ts";
import { pageSchema } from "../../api/fields.ts";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { HubCatalog } from "../hub/hub.ts";
import type { Pager } from "../hub/pages.ts";
import { route, type HubRequest, type Route } from "../route.ts";
import { root } from "./repositories.ts";

interface Parts {
  readonly access: RepositoryAccess;
  readonly collaborators: Pick<Collaborators, "set">;
  readonly hub: Pick<HubCatalog, "teams">;
  readonly policy: HubPolicy;
  readonly pager: Pager;
}

const repositoryPath = `${root}/repositories/*repository/-`;
const see = { of: "repository", permission: "see access" } as const;
const change = { of: "repository", permission: "change access" } as const;

/** Routes of the permissions on a repository: of all users with their reasons, and of single users. */
export function accessRoutes(parts: Parts): readonly Route[] {
  return [
    route({
      method: "get",
      path: `${repositoryPath}/access`,
      requires: see,
      summary: "The users with a permission on a repository and the reasons, and its teams",
      query: accessListQuery,
      answer: accessListSchema,
      handle: (request) => list(parts, request),
    }),
    route({
      method: "get",
      path: `${repositoryPath}/access/:user`,
      requires: see,
      summary: "The permission of a user on a repository, and the reasons",
      answer: accessSchema,
      handle: async ({ repository, params }) =>
        present(await parts.access.of(repository, params["user"] ?? "")),
    }),
    route({
      method: "put",
      path: `${repositoryPath}/collaborators/:user`,
      requires: change,
      summary: "Gives a user a permission on a repository",
      body: setAccessBody,
      answer: accessSchema,
      handle: async ({ actor, repository, params, body: { permission } }) => {
        const user = (params["user"] ?? "").toLowerCase();
        await parts.collaborators.set(actor, repository, user, permission);
        return present(await parts.access.of(repository, user));
      },
    }),
    route({
      method: "delete",
      path: `${repositoryPath}/collaborators/:user`,
      requires: change,
      summary: "Removes the permission of a user on a repository",
      status: 204,
      handle: ({ actor, repository, params }) =>
        parts.collaborators.set(actor, repository, (params["user"] ?? "").toLowerCase(), undefined),
    }),
    route({
      method: "get",
      path: `${root}/organisations/:org/teams/:team/repositories`,
      requires: { of: "organisation", permission: "see teams" },
      summary: "The repositories on which a team has a permission and that the caller may read",
      query: teamRepositoriesQuery,
      answer: pageSchema(teamRepositorySchema),
      handle: (request) => listOfTeam(parts, request),
    }),
  ];
}

async function list(
  { access, pager }: Parts,
  { ctx, repository, query }: HubRequest<z.output<typeof accessListQuery>>,
): Promise<AccessListAnswer> {
  const { page, page_size: size, search } = query;
  const { count, items, isPublic } = await access.list(repository, { page, size, search });
  const teams = await access.teams(repository);
  return {
    ...pager.numbered(ctx, query, count, items.map(present)),
    is_public: isPublic,
    teams: teams.map(({ name, permission, members }) => ({ name, level: permission, members })),
  };
}

async function listOfTeam(
  { hub, policy, pager }: Parts,
  { ctx, session, namespace, params, query }: HubRequest<z.output<typeof teamRepositoriesQuery>>,
) {
  const { last, page_size: limit } = query;
  const asked = { last, limit, visibility: policy.visibilityFor(session) };
  const found = await hub.teams.repositories(namespace, params["team"] ?? "", asked);
  const end = found.more ? found.items.at(-1)?.name : undefined;
  const shown = found.items.map(({ name, permission }) => ({ name, level: permission }));
  return pager.following(ctx, end, found.total, shown);
}

const present = ({ name, fullName, permission, isDisabled, reasons }: Access): AccessAnswer => ({
  username: name,
  full_name: fullName,
  level: permission,
  is_disabled: isDisabled,
  because: reasons.map(({ kind, team, permission: level }) => ({ kind, team, level })),
});
