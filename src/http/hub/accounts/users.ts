import type * as z from "zod";
import {
  namespacesSchema,
  organisationSchema,
  ownOrganisationSchema,
  ownUserSchema,
  planSchema,
  userSchema,
} from "../../../api/accounts.ts";
import { pageQuery, pageSchema } from "../../../api/fields.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import type { HubCatalog } from "../hub.ts";
import type { Pager } from "../pages.ts";
import { userOf } from "../requests.ts";
import { presentOrganisation, presentOwnUser, presentRole, presentUser } from "./presenters.ts";

interface Parts {
  readonly hub: Pick<HubCatalog, "accounts">;
  readonly pager: Pager;
}

/** Routes of the calling user, of other users and of organisations. */
export function userRoutes(parts: Parts): readonly Route[] {
  const { accounts } = parts.hub;
  return [
    route({
      method: "get",
      path: "/v2/user",
      requires: { of: "user" },
      summary: "The calling user",
      answer: ownUserSchema,
      handle: async ({ session }) => presentOwnUser(await accounts.user(userOf({ session }).name)),
    }),
    route({
      method: "get",
      path: "/v2/user/orgs",
      requires: { of: "user" },
      summary: "The organisations of the calling user",
      query: pageQuery,
      answer: pageSchema(ownOrganisationSchema),
      handle: (request) => listOrganisations(parts, request),
    }),
    route({
      method: "get",
      path: "/v2/repositories/namespaces",
      requires: { of: "user" },
      summary: "The namespaces in which the calling user may create repositories",
      answer: namespacesSchema,
      handle: async ({ session }) => ({
        namespaces: [...(await accounts.namespacesOf(userOf({ session })))],
      }),
    }),
    route({
      method: "get",
      path: "/api/billing/v4/accounts/:id/hub-plan",
      requires: { of: "session" },
      summary: "The subscription of an account: without limits",
      answer: planSchema,
      handle: () => plan,
    }),
    route({
      method: "get",
      path: "/v2/users/:name",
      requires: { of: "anyone" },
      summary: "A user",
      answer: userSchema,
      handle: async ({ params }) => presentUser(await accounts.user(params["name"] ?? "")),
    }),
    route({
      method: "get",
      path: "/v2/orgs/:org",
      requires: { of: "anyone" },
      summary: "An organisation",
      answer: organisationSchema,
      handle: async ({ namespace }) => presentOrganisation(await accounts.organisation(namespace)),
    }),
  ];
}

async function listOrganisations(
  { hub, pager }: Parts,
  { ctx, session, query }: HubRequest<z.output<typeof pageQuery>>,
) {
  const { accountId } = userOf({ session });
  const wanted = { page: query.page, size: query.page_size };
  const { count, items } = await hub.accounts.organisationsOf(accountId, wanted);
  return pager.numbered(
    ctx,
    query,
    count,
    items.map((item) => ({
      ...presentOrganisation(item),
      user_role: presentRole(item.role),
      user_groups: item.role === "owner" ? ["owners"] : [],
      org_groups_count: item.teams + 1,
      plan_name: "",
      parent_name: "",
    })),
  );
}

/** The number that clients read as "unlimited". */
const unlimited = 9999;
const plan = {
  name: "Berth",
  legacy: false,
  duration: "",
  seats: unlimited,
  teams: unlimited,
  private_repos: unlimited,
  collaborators: unlimited,
  parallel_builds: unlimited,
};
