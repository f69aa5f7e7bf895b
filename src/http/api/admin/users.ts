import type * as z from "zod";
import type { Accounts } from "../../../accounts/accounts.ts";
import {
  accountListQuery,
  adminUserDetailsSchema,
  adminUserSchema,
  changeUserBody,
  changedUserSchema,
  createUserBody,
  setPasswordBody,
  type AdminUserAnswer,
} from "../../../api/administration.ts";
import { pageSchema, timeOf } from "../../../api/fields.ts";
import type { Account } from "../../../database/accounts/accounts.ts";
import type { Pager } from "../../hub/pages.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import { root } from "../repositories.ts";

interface Parts {
  readonly accounts: Pick<Accounts, "users" | "directory">;
  readonly pager: Pager;
}

const requires = { of: "administrator" } as const;
const path = `${root}/admin/users`;
const userIn = (params: Readonly<Record<string, string>>): string => params["user"] ?? "";

/** Routes of users, for administrators. */
export function adminUserRoutes(parts: Parts): readonly Route[] {
  const { users, directory } = parts.accounts;
  return [
    route({
      method: "get",
      path,
      requires,
      summary: "All users, by name",
      query: accountListQuery,
      answer: pageSchema(adminUserSchema),
      handle: async ({ ctx, query }) => {
        const { page, page_size: size, search } = query;
        const { count, items } = await directory.list("user", { page, size, search });
        return parts.pager.numbered(ctx, query, count, items.map(presentUser));
      },
    }),
    route({
      method: "post",
      path,
      requires,
      summary: "Creates a user",
      body: createUserBody,
      answer: adminUserSchema,
      status: 201,
      handle: (request) => create(parts, request),
    }),
    route({
      method: "get",
      path: `${path}/:user`,
      requires,
      summary: "A user, with what prevents the deletion",
      answer: adminUserDetailsSchema,
      handle: async ({ params }) => ({
        ...presentUser(await directory.find("user", userIn(params))),
        prevents_deletion: [...(await directory.dependents("user", userIn(params)))],
      }),
    }),
    route({
      method: "patch",
      path: `${path}/:user`,
      requires,
      summary: "Makes a user an administrator, disables a user, or the opposite",
      body: changeUserBody,
      answer: changedUserSchema,
      handle: async ({ actor, params, body }) => {
        const changed = await users.set(actor, userIn(params), {
          isAdmin: body.is_admin,
          disabled: body.is_disabled,
        });
        return { ...presentUser(await directory.find("user", userIn(params))), changed };
      },
    }),
    route({
      method: "post",
      path: `${path}/:user/password`,
      requires,
      summary: "Sets the password of a user; access tokens stay valid",
      body: setPasswordBody,
      status: 204,
      handle: ({ actor, params, body }) => users.setPassword(actor, userIn(params), body.password),
    }),
    route({
      method: "delete",
      path: `${path}/:user`,
      requires,
      summary: "Deletes a user without repositories",
      status: 204,
      handle: ({ actor, params }) => users.delete(actor, userIn(params)),
    }),
  ];
}

async function create(
  { accounts: { users, directory } }: Parts,
  { actor, body }: HubRequest<unknown, z.output<typeof createUserBody>>,
): Promise<AdminUserAnswer> {
  await users.add(actor, {
    name: body.username,
    password: body.password,
    fullName: body.full_name,
    email: body.email,
    isAdmin: body.is_admin,
    takeOver: body.take_over,
  });
  return presentUser(await directory.find("user", body.username));
}

const presentUser = (user: Account): AdminUserAnswer => ({
  username: user.name,
  full_name: user.fullName,
  email: user.email,
  is_admin: user.isAdmin,
  is_disabled: user.disabled,
  created_at: timeOf(user.createdAtMs),
});
