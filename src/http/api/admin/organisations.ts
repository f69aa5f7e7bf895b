import type { Accounts } from "../../../accounts/accounts.ts";
import {
  accountListQuery,
  addMemberBody,
  adminMemberListSchema,
  adminMemberSchema,
  adminOrganisationDetailsSchema,
  adminOrganisationSchema,
  memberListQuery,
  type AdminOrganisationAnswer,
} from "../../../api/administration.ts";
import { pageSchema, timeOf } from "../../../api/fields.ts";
import type { Account } from "../../../database/accounts/accounts.ts";
import type { Pager } from "../../hub/pages.ts";
import { route, type Route } from "../../route.ts";
import { root } from "../repositories.ts";

interface Parts {
  readonly accounts: Pick<Accounts, "organisations" | "directory">;
  readonly pager: Pager;
}

const requires = { of: "administrator" } as const;
const path = `${root}/admin/organisations`;

/** Routes of organisations, for administrators. */
export function adminOrganisationRoutes(parts: Parts): readonly Route[] {
  const { directory } = parts.accounts;
  return [
    route({
      method: "get",
      path,
      requires,
      summary: "All organisations, by name",
      query: accountListQuery,
      answer: pageSchema(adminOrganisationSchema),
      handle: async ({ ctx, query }) => {
        const { page, page_size: size, search } = query;
        const { count, items } = await directory.list("organisation", { page, size, search });
        return parts.pager.numbered(ctx, query, count, items.map(presentOrganisation));
      },
    }),
    route({
      method: "get",
      path: `${path}/:org`,
      requires,
      summary: "An organisation, with what prevents the deletion",
      answer: adminOrganisationDetailsSchema,
      handle: async ({ namespace }) => ({
        ...presentOrganisation(await directory.find("organisation", namespace)),
        prevents_deletion: [...(await directory.dependents("organisation", namespace))],
      }),
    }),
    ...memberRoutes(parts),
  ];
}

function memberRoutes({ accounts: { organisations } }: Parts): readonly Route[] {
  return [
    route({
      method: "get",
      path: `${path}/:org/members`,
      requires,
      summary: "The members of an organisation, by name",
      query: memberListQuery,
      answer: adminMemberListSchema,
      handle: async ({ namespace, query: { last, page_size: limit } }) => {
        const { items, more } = await organisations.members(namespace, { last, limit });
        const results = items.map(({ name, role, sinceMs }) => ({
          ...{ username: name, role },
          since: timeOf(sinceMs),
        }));
        return { results, last: more ? (items.at(-1)?.name ?? null) : null };
      },
    }),
    route({
      method: "put",
      path: `${path}/:org/members/:user`,
      requires,
      summary: "Makes a user a member without an invite, or changes a member's role",
      body: addMemberBody,
      answer: adminMemberSchema.omit({ since: true }),
      handle: async ({ actor, namespace, params, body: { role } }) => {
        const user = params["user"] ?? "";
        await organisations.addMember(actor, namespace, user, role);
        return { username: user, role };
      },
    }),
  ];
}

const presentOrganisation = (organisation: Account): AdminOrganisationAnswer => ({
  name: organisation.name,
  full_name: organisation.fullName,
  created_at: timeOf(organisation.createdAtMs),
});
