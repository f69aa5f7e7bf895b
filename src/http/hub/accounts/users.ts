import * as z from "zod";
import type { HubCatalog } from "../hub.ts";
import {
  organisationSchema,
  presentOrganisation,
  ownUserSchema,
  presentOwnUser,
  presentRole,
  userSchema,
  presentUser,
} from "./schemas.ts";
import { route, type Route } from "../../route.ts";
import { userOf } from "../requests.ts";
import { pageOf, pageQuery, type Pager } from "../pages.ts";

const membership = organisationSchema.extend({
  user_role: z.string(),
  user_groups: z.array(z.string()),
  org_groups_count: z.number().int(),
  plan_name: z.string(),
  parent_name: z.string(),
});

const plan = z.object({
  name: z.string(),
  legacy: z.boolean(),
  duration: z.string(),
  seats: z.int(),
  teams: z.int(),
  private_repos: z.int(),
  collaborators: z.int(),
  parallel_builds: z.int(),
});
/** The number that clients read as "unlimited". */
const unlimited = 9999;

/** Routes of the calling user, of other users and of organisations. */
export function userRoutes(parts: {
  readonly hub: Pick<HubCatalog, "accounts">;
  readonly pager: Pager;
}): readonly Route[] {
  const { hub, pager } = parts;
  const { accounts: accountCatalog } = hub;
  return [
    route({
      method: "get",
      path: "/v2/user",
      requires: { of: "user" },
      summary: "The user that asks",
      answer: ownUserSchema,
      handle: async (call) => presentOwnUser(await accountCatalog.user(userOf(call).name)),
    }),
    route({
      method: "get",
      path: "/v2/user/orgs",
      requires: { of: "user" },
      summary: "The organisations of the user that asks",
      query: z.object(pageQuery),
      answer: pageOf(membership),
      handle: async (call) => {
        const { ctx, query } = call;
        const { page, page_size: size } = query;
        const { accountId } = userOf(call);
        const { count, items } = await accountCatalog.organisationsOf(accountId, { page, size });
        return pager.envelope(
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
      },
    }),
    route({
      method: "get",
      path: "/v2/repositories/namespaces",
      requires: { of: "user" },
      summary: "Where the user that asks may make repositories",
      answer: z.object({ namespaces: z.array(z.string()) }),
      handle: async (call) => ({
        namespaces: [...(await accountCatalog.namespacesOf(userOf(call)))],
      }),
    }),
    route({
      method: "get",
      path: "/api/billing/v4/accounts/:id/hub-plan",
      requires: { of: "session" },
      summary: "What an account may have: as much as it wants",
      answer: plan,
      handle: async () => ({
        ...{ name: "Berth", legacy: false, duration: "", seats: unlimited, teams: unlimited },
        ...{ private_repos: unlimited, collaborators: unlimited, parallel_builds: unlimited },
      }),
    }),
    route({
      method: "get",
      path: "/v2/users/:name",
      requires: { of: "anyone" },
      summary: "A user",
      answer: userSchema,
      handle: async ({ params }) => presentUser(await accountCatalog.user(params["name"] ?? "")),
    }),
    route({
      method: "get",
      path: "/v2/orgs/:org",
      requires: { of: "anyone" },
      summary: "An organisation",
      answer: organisationSchema,
      handle: async ({ namespace }) =>
        presentOrganisation(await accountCatalog.organisation(namespace)),
    }),
  ];
}
