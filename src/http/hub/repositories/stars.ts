import type * as z from "zod";
import { pageQuery, pageSchema } from "../../../api/fields.ts";
import { hubRepositoryItemSchema } from "../../../api/repositories.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import { forbidden } from "../errors.ts";
import type { HubCatalog } from "../hub.ts";
import type { Pager } from "../pages.ts";
import { repositoryRoutes } from "../repository-routes.ts";
import { userOf } from "../requests.ts";
import { presentHubRepositoryItem } from "./presenters.ts";

interface Parts {
  readonly hub: Pick<HubCatalog, "accounts" | "repositories" | "stars">;
  readonly pager: Pager;
}

/** Routes of the stars of repositories. Only users have stars. */
export function starRoutes(parts: Parts): readonly Route[] {
  const see = { of: "repository", permission: "see" } as const;
  return [
    ...repositoryRoutes({
      method: "post",
      rest: "/stars",
      requires: see,
      summary: "Stars a repository",
      status: 204,
      handle: (request) => star(parts, request),
    }),
    ...repositoryRoutes({
      method: "delete",
      rest: "/stars",
      requires: see,
      summary: "Removes the star",
      status: 204,
      handle: (request) => unstar(parts, request),
    }),
    route({
      method: "get",
      path: "/v2/users/:name/repositories/starred",
      legacy: true,
      requires: { of: "anyone" },
      summary: "The repositories that a user has starred and that the caller sees",
      query: pageQuery,
      answer: pageSchema(hubRepositoryItemSchema),
      handle: (request) => listStarred(parts, request),
    }),
  ];
}

async function star({ hub }: Parts, { session, actor, repository }: HubRequest): Promise<void> {
  userOf({ session });
  if (!(await hub.stars.add(actor, repository)))
    throw forbidden("you have starred too many repositories: remove a star first");
}

async function unstar({ hub }: Parts, { session, actor, repository }: HubRequest): Promise<void> {
  userOf({ session });
  await hub.stars.remove(actor, repository);
}

async function listStarred(
  { hub, pager }: Parts,
  { ctx, session, params, query }: HubRequest<z.output<typeof pageQuery>>,
) {
  const { id } = await hub.accounts.user(params["name"] ?? "");
  const { page, page_size: size } = query;
  const { count, items } = await hub.repositories.starred(session, id, { page, size });
  return pager.numbered(
    ctx,
    query,
    count,
    items.map((item) => presentHubRepositoryItem(item)),
  );
}
