import { z } from "zod";
import type { Hub } from "../hub.ts";
import {
  organisationObject,
  organisationShown,
  ownUser,
  ownUserShown,
  roleShown,
  userObject,
  userShown,
} from "./schemas.ts";
import { hubRoute, userOf, type HubRoute } from "../route.ts";
import { pageOf, pageQuery, type Pager } from "../pages.ts";

const membership = organisationObject.extend({
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
/** As clients read it. */
const unlimited = 9999;

/** Who the caller is, and who others are. */
export function userRoutes(parts: {
  readonly hub: Pick<Hub, "people">;
  readonly pager: Pager;
}): readonly HubRoute[] {
  const { hub, pager } = parts;
  const { people } = hub;
  return [
    hubRoute({
      method: "get",
      path: "/v2/user",
      needs: { of: "user" },
      summary: "The user that asks",
      answer: ownUser,
      handle: async (call) => ownUserShown(await people.user(userOf(call).name)),
    }),
    hubRoute({
      method: "get",
      path: "/v2/user/orgs",
      needs: { of: "user" },
      summary: "The organisations of the user that asks",
      query: z.object(pageQuery),
      answer: pageOf(membership),
      handle: async (call) => {
        const { ctx, query } = call;
        const { page, page_size: size } = query;
        const { accountId } = userOf(call);
        const { count, items } = await people.organisationsOf(accountId, { page, size });
        return pager.envelope(
          ctx,
          query,
          count,
          items.map((item) => ({
            ...organisationShown(item),
            user_role: roleShown(item.role),
            user_groups: item.role === "owner" ? ["owners"] : [],
            org_groups_count: item.teams + 1,
            plan_name: "",
            parent_name: "",
          })),
        );
      },
    }),
    hubRoute({
      method: "get",
      path: "/v2/repositories/namespaces",
      needs: { of: "user" },
      summary: "Where the user that asks may make repositories",
      answer: z.object({ namespaces: z.array(z.string()) }),
      handle: async (call) => ({ namespaces: [...(await people.namespacesOf(userOf(call)))] }),
    }),
    hubRoute({
      method: "get",
      path: "/api/billing/v4/accounts/:id/hub-plan",
      needs: { of: "session" },
      summary: "What an account may have: as much as it wants",
      answer: plan,
      handle: async () => ({
        ...{ name: "Berth", legacy: false, duration: "", seats: unlimited, teams: unlimited },
        ...{ private_repos: unlimited, collaborators: unlimited, parallel_builds: unlimited },
      }),
    }),
    hubRoute({
      method: "get",
      path: "/v2/users/:name",
      needs: { of: "nobody" },
      summary: "A user",
      answer: userObject,
      handle: async ({ params }) => userShown(await people.user(params["name"] ?? "")),
    }),
    hubRoute({
      method: "get",
      path: "/v2/orgs/:org",
      needs: { of: "nobody" },
      summary: "An organisation",
      answer: organisationObject,
      handle: async ({ namespace }) => organisationShown(await people.organisation(namespace)),
    }),
  ];
}
